import { expect, test } from 'vitest';
import { signAws } from './sigv4.ts';

const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

// AWS's published test suite of Signature Version 4 (aws-sig-v4-test-suite), by its names.
test.each([
  ['get-vanilla', 'GET', '/', {}, '', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  [
    'get-vanilla-query-order-key-case',
    'GET',
    '/?Param2=value2&Param1=value1',
    {},
    '',
    'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  ],
  ['post-vanilla', 'POST', '/', {}, '', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  [
    'post-x-www-form-urlencoded',
    'POST',
    '/',
    { 'Content-Type': 'application/x-www-form-urlencoded' },
    'Param1=value1',
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
] as const)('%s', (_name, method, path, headers, body, signature) => {
  const url = new URL(`https://example.amazonaws.com${path}`);
  const now = Date.parse('2015-08-30T12:36:00Z');
  const signed = signAws({ method, url, headers, body, region: 'us-east-1', service: 'service', now }, CREDENTIALS);
  expect(signed.authorization).toContain(`Signature=${signature}`);
  expect(signed['x-amz-date']).toBe('20150830T123600Z');
});
