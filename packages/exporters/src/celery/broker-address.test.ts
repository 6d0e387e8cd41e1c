import { describe, expect, test } from 'vitest';
import { parseBrokerUrl, parseOptions, tlsOptions } from './broker-address.ts';

describe('broker addresses', () => {
  test.each([
    ['redis://h', { transport: 'redis', tls: false, host: 'h', port: 6379, path: '', shown: 'redis://h:6379/' }],
    ['redis://:p@h:1/2', { user: '', password: 'p', port: 1, path: '2', shown: 'redis://:**@h:1/2' }],
    [
      'rediss://u:p%2F:@h/0?ssl_cert_reqs=none',
      { tls: true, user: 'u', password: 'p/:', shown: 'rediss://u:**@h:6379/0' },
    ],
    ['redis://:a/b@c@[::1]:7/0', { password: 'a/b@c', host: '::1', port: 7 }],
    ['amqp://', { transport: 'amqp', host: 'localhost', port: 5672, path: '' }],
    ['amqps://u:p@h//', { tls: true, port: 5671, path: '/' }],
    ['pyamqp://u@h/v%2Fhost', { user: 'u', password: '', path: 'v/host', shown: 'pyamqp://u@h:5672/v%2Fhost' }],
    ['redis+socket:///run/redis.sock?virtual_host=3', { transport: 'socket', path: 'run/redis.sock' }],
  ])('%s', (url, expected) => {
    expect(parseBrokerUrl(url)[0]).toMatchObject(expected);
  });

  test('several, where the later ones need no scheme', () => {
    const addresses = parseBrokerUrl('sentinel://a:1;sentinel://b; c:3');
    expect(addresses.map(({ host, port }) => `${host}:${port}`)).toEqual(['a:1', 'b:26379', 'c:3']);
  });
});

test('options are numbers, JSON or text', () => {
  expect(parseOptions(['a=1', 'b=[0,3]', 'c=x=y', 'd=true', 'e='])).toEqual({
    a: 1,
    b: [0, 3],
    c: 'x=y',
    d: true,
    e: '',
  });
  expect(() => parseOptions(['nothing'])).toThrow('not of the form key=value: "nothing"');
});

test('TLS is as the options say, in either of their spellings', () => {
  const [address] = parseBrokerUrl('redis://h');
  expect(tlsOptions(address, {})).toBeUndefined();
  expect(tlsOptions(address, { ssl_cert_reqs: 'CERT_NONE' })).toMatchObject({ rejectUnauthorized: false });
  expect(tlsOptions(address, { cert_reqs: 2 })).toMatchObject({ rejectUnauthorized: true, servername: 'h' });
  expect(() => tlsOptions(address, { ca_certs: '/nowhere.pem' })).toThrow('/nowhere.pem');
  const [secure] = parseBrokerUrl('rediss://h?ssl_cert_reqs=none');
  expect(tlsOptions(secure, {})).toMatchObject({ rejectUnauthorized: false });
});
