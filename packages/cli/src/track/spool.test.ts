import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ReportServer, Spool } from './spool.ts';

/** Of no process: ids end far below. */
const GONE = 2 ** 30;
let base: string;
let server: Server;
let status: number;
let taken: string[];
beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'spool-'));
  mkdirSync(join(base, 'here'));
  [status, taken] = [200, []];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      if (status === 200) taken.push(...(JSON.parse(body) as { run_id: string }[]).map(({ run_id }) => run_id));
      response.statusCode = status;
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(base, { recursive: true, force: true });
});

const left = (name: string, id: string) => writeFileSync(join(base, 'here', name), `{"run_id":"${id}"}\n{"torn`);
const files = () => readdirSync(join(base, 'here')).sort();
const deliver = () => {
  const { port } = server.address() as AddressInfo;
  return new Spool(base, 'here').deliver(new ReportServer(new URL(`http://127.0.0.1:${port}`)));
};

test('what is left is delivered, also by a process that could not do so before', async () => {
  for (const id of ['a', 'b']) left(`${id}.${GONE}.jsonl`, id);
  status = 503;
  await deliver();
  expect(files()).toHaveLength(2);
  await deliver();
  status = 200;
  await deliver();
  expect(taken).toEqual(['a', 'b']);
  expect(files()).toEqual([]);
});

test('a file of a process that is no tracker is left, whatever its id; one of this process is its own', async () => {
  left(`a.${process.ppid}.jsonl`, 'a');
  left(`b.left-7.${GONE}.jsonl`, 'b');
  const own = new Spool(base, 'here');
  own.keep(own.fileOf('c'), { run_id: 'c' });
  await deliver();
  expect(taken).toEqual(['a', 'b']);
});
