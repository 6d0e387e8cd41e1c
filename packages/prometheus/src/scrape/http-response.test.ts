import { expect, test } from 'vitest';
import { HttpError, type ResponseHead, ResponseReader } from './http-response.ts';

interface Read {
  status: number;
  headers: Record<string, string>;
  body: string;
  keepAlive: boolean;
}

/** Reads an answer that comes in pieces of `size` bytes, after which the connection is closed if `closed`. */
function read(text: string, size = text.length, closed = false, wanted = true): Read | string {
  let head: ResponseHead | undefined;
  let body = '';
  const reader = new ResponseReader({
    head: (got) => {
      head = got;
      return wanted;
    },
    body: (bytes, start, end) => {
      body += bytes.toString('latin1', start, end);
    },
  });
  const bytes = Buffer.from(text, 'latin1');
  try {
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    if (closed) reader.close();
  } catch (error) {
    expect(error).toBeInstanceOf(HttpError);
    return (error as Error).message;
  }
  if (!reader.isDone || !head) return 'goes on';
  return { status: head.status, headers: Object.fromEntries(head.headers), body, keepAlive: reader.keepAlive };
}

const ok = 'HTTP/1.1 200 OK\r\n';

test.each<[string, string, boolean, string, boolean]>([
  ['a length', `${ok}Content-Length: 5\r\n\r\nhello`, false, 'hello', true],
  ['no body', `${ok}content-length:0\r\n\r\n`, false, '', true],
  ['bare newlines', `HTTP/1.1 200 OK\ncontent-length: 2\n\nhi`, false, 'hi', true],
  ['chunks', `${ok}Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n1;x="y"\r\n!\r\n0\r\n\r\n`, false, 'hello!', true],
  [
    'trailers',
    `${ok}Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n000\r\nX: y\r\n\r\n`,
    false,
    '0123456789',
    true,
  ],
  ['the end of the connection', `${ok}X: y\r\n\r\nhello`, true, 'hello', false],
  ['connection: close', `${ok}Connection: close\r\nContent-Length: 1\r\n\r\nx`, false, 'x', false],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx', false, 'x', false],
  ['HTTP/1.0, kept', 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx', false, 'x', true],
  ['no reason', 'HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx', false, 'x', true],
  ['100 before', `HTTP/1.1 100 Continue\r\nA: b\r\n\r\n${ok}Content-Length: 1\r\n\r\nx`, false, 'x', true],
  ['one length twice', `${ok}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`, false, 'x', true],
  [
    'chunks and a length',
    `${ok}Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
    false,
    'x',
    false,
  ],
])('a body framed by %s, however it is cut', (_name, text, closed, body, keepAlive) => {
  for (let size = 1; size <= text.length; size++) {
    expect(read(text, size, closed)).toMatchObject({ status: 200, body, keepAlive });
  }
});

test('204 and 304 have no body', () => {
  expect(read('HTTP/1.1 204 No Content\r\n\r\n')).toMatchObject({ status: 204, body: '' });
  expect(read('HTTP/1.1 304 Not Modified\r\n\r\n')).toMatchObject({ status: 304, body: '' });
  expect(read('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n')).toMatchObject({ status: 304, body: '' });
});

test('an answer that is not wanted ends with its head', () => {
  expect(read(`${ok}Content-Length: 5\r\n\r\nhello`, 1, false, false)).toMatchObject({ body: '', keepAlive: false });
});

test.each([
  ['SSH-2.0-OpenSSH_9.2\r\n', 'malformed HTTP response "SSH-2.0-OpenSSH_9.2"'],
  ['HTTP/2 200\r\n', 'malformed HTTP response "HTTP/2 200"'],
  ['HTTP/1.1 000 x\r\n', 'malformed HTTP response "HTTP/1.1 000 x"'],
  ['HTTP/1.1 101 Switching\r\n\r\n', 'the server switches to another protocol'],
  [`${ok}no colon\r\n`, 'malformed HTTP header "no colon"'],
  [`${ok} folded: x\r\n`, 'malformed HTTP header " folded: x"'],
  [`${ok}a : b\r\n`, 'malformed HTTP header "a : b"'],
  [`${ok}Content-Length: -1\r\n\r\n`, 'bad Content-Length "-1"'],
  [`${ok}Content-Length: 1e3\r\n\r\n`, 'bad Content-Length "1e3"'],
  [`${ok}Content-Length: 99999999999999999999\r\n\r\n`, 'bad Content-Length "99999999999999999999"'],
  [`${ok}Content-Length: 1\r\nContent-Length: 2\r\n`, 'header Content-Length is given twice: "1", "2"'],
  [`${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`, 'unsupported transfer encoding "gzip, chunked"'],
  [`${ok}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, 'malformed chunk size "xyz"'],
  [`${ok}Transfer-Encoding: chunked\r\n\r\n123456789\r\n`, 'malformed chunk size "123456789"'],
  [`${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n`, 'a chunk is longer than it says'],
  [`${ok}Transfer-Encoding: chunked\r\n\r\n1\r\na.\r\n`, 'a chunk is longer than it says'],
  [`${ok}Content-Length: 1\r\n\r\nxy`, 'the answer goes on after its end'],
  [`${ok}X: ${'x'.repeat(70_000)}`, 'the head of the answer is too large'],
  ['x'.repeat(70_000), 'the head of the answer is too large'],
  [`HTTP/1.1 100 Continue\r\n\r\n`.repeat(5000), 'the head of the answer is too large'],
])('%.40j is refused', (text, message) => {
  expect(read(text)).toBe(message);
});

test.each([
  ['', 'socket hang up'],
  ['HTTP/1.1 200', 'aborted'],
  [`${ok}Content-Length: 5\r\n\r\nhell`, 'aborted'],
  [`${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`, 'aborted'],
  [`${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n`, 'aborted'],
])('%j cut off there is an error', (text, message) => {
  expect(read(text, 1, true)).toBe(message);
});

test('random changes to an answer give an answer or an HttpError, and never hang', () => {
  let seed = 5;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const answers = [
    `${ok}Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello`,
    `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n`,
  ];
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(answers[next(2)], 'latin1');
    for (let changes = 1 + next(3); changes > 0; changes--) bytes[next(bytes.length)] = next(3) ? next(128) : next(256);
    read(bytes.toString('latin1'), 1 + next(bytes.length), next(2) === 0);
  }
});
