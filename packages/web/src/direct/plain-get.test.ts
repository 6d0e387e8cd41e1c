import { describe, expect, test } from 'vitest';
import { readPlainGet } from './plain-get.ts';

const read = (text: string) => readPlainGet(Buffer.from(text, 'latin1'));
const get = (target: string, ...headers: string[]) =>
  read([`GET ${target} HTTP/1.1`, 'Host: localhost:9090', ...headers, '', ''].join('\r\n'));

test.each([
  ['/a', [], { path: '/a', query: '', acceptEncoding: '' }],
  ['/a?', [], { path: '/a', query: '', acceptEncoding: '' }],
  ['/a?b=1?&c=%20', [], { path: '/a', query: 'b=1?&c=%20', acceptEncoding: '' }],
  ['/a', ['Connection: Keep-Alive', 'X-Tenant:1', 'Empty:'], { path: '/a', query: '', acceptEncoding: '' }],
  ['/a', ['ACCEPT-ENCODING:  gzip, br'], { path: '/a', query: '', acceptEncoding: 'gzip, br' }],
  ['/a', ['Upgrade-Insecure-Requests: 1', 'Test: te:'], { path: '/a', query: '', acceptEncoding: '' }],
])('GET %s with %j is plain', (target, headers, request) => {
  expect(get(target, ...headers)).toEqual(request);
});

describe('left to Node:', () => {
  test.each([
    ['a body', ['Content-Length: 0']],
    ['a body in chunks', ['Transfer-Encoding: chunked']],
    ['a page of another origin', ['origin: http://x']],
    ['an upgrade', ['Connection: Upgrade', 'Upgrade: websocket']],
    ['a connection that ends', ['Connection: close']],
    ['several words of the connection', ['Connection: keep-alive, x']],
    ['what expects', ['Expect: 100-continue']],
    ['two hosts', ['Host: b']],
    ['two lists of encodings', ['Accept-Encoding: br', 'accept-encoding: gzip']],
    ['words of a connection to a proxy', ['Proxy-Connection: close']],
    ['a folded header', ['A: b', ' c']],
    ['a header without a name', [': b']],
    ['a space before the colon', ['Content-Length : 3']],
    ['a bare line feed', ['A: b\nContent-Length: 3']],
    ['a bare carriage return', ['A: b\rContent-Length: 3']],
    ['bytes above ASCII', ['A: \xe9']],
    ['a zero byte', ['A: \0']],
  ])('%s', (_what, headers) => {
    expect(get('/a', ...headers)).toBeNull();
  });

  test.each([
    ['a POST', 'POST /a HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['HTTP/1.0', 'GET /a HTTP/1.0\r\nHost: a\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['no host', 'GET /a HTTP/1.1\r\nA: b\r\n\r\n'],
    ['no header', 'GET /a HTTP/1.1\r\n\r\n'],
    ['a part of a request', 'GET /a HTTP/1.1\r\nHost: a\r\n'],
    ['more than a request', 'GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a whole address', 'GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a space in the address', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['an empty line first', '\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01'],
    ['nothing', ''],
  ])('%s', (_what, text) => {
    expect(read(text)).toBeNull();
  });
});
