import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { awsSettings } from './credentials.ts';
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

test('who we are comes from the configuration, the environment or AWS’s own files', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'aws-'));
  const AWS_SHARED_CREDENTIALS_FILE = join(directory, 'credentials');
  const AWS_CONFIG_FILE = join(directory, 'config');
  writeFileSync(
    AWS_SHARED_CREDENTIALS_FILE,
    '[default]\naws_access_key_id = D\naws_secret_access_key = d\n[ops]\naws_access_key_id=O\naws_secret_access_key=o\n',
  );
  writeFileSync(AWS_CONFIG_FILE, '[default]\nregion = eu-north-1\n[profile ops]\nregion=us-east-2\n');
  const files = { AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE };
  const none = { region: '', access_key: '', secret_key: '', profile: '', role_arn: '', external_id: '' };
  const config = { ...none, use_fips_sts_endpoint: false, service_name: '' };
  const of = async (changes: Partial<typeof config>, env: Record<string, string> = {}) => {
    const { region, credentials } = await awsSettings({ ...config, ...changes }, { ...files, ...env });
    return [region, credentials?.accessKeyId];
  };
  const env = { AWS_ACCESS_KEY_ID: 'E', AWS_SECRET_ACCESS_KEY: 'e', AWS_REGION: 'eu-west-3' };
  expect(await of({})).toEqual(['eu-north-1', 'D']);
  expect(await of({}, env)).toEqual(['eu-west-3', 'E']);
  expect(await of({ profile: 'ops' }, env)).toEqual(['eu-west-3', 'O']);
  expect(await of({ profile: 'ops' })).toEqual(['us-east-2', 'O']);
  expect(await of({ region: 'r', access_key: 'C', secret_key: 'c' }, env)).toEqual(['r', 'C']);
  expect(
    (await awsSettings(config, { AWS_SHARED_CREDENTIALS_FILE: '/none', AWS_CONFIG_FILE: '/none' })).credentials,
  ).toBe(undefined);
  rmSync(directory, { recursive: true });
});
