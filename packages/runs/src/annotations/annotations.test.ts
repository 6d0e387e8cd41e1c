import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ManualClock, silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RunRecord } from '../registry/run-record.ts';
import { startForTest } from '../role-fixture.ts';
import { AnnotationSender } from './annotation-sender.ts';
import { runAnnotation } from './run-annotation.ts';

const run: RunRecord = {
  ...{ run_id: 'r1', kind: 'backup', name: 'nightly', outcome: 'success', host: 'lab1' },
  ...{ started_at: 1_000_000, reported_at: 1_200_400, ended_at: 1_200_400 },
};

test.each([
  [{}, 'backup nightly succeeded after 3m20s on lab1'],
  [{ outcome: 'failed', exit_status: 3, host: undefined }, 'backup nightly failed after 3m20s: exit status 3'],
  [
    { outcome: 'failed', error: 'disk full\nat x', exit_status: 3 },
    'backup nightly failed after 3m20s on lab1: disk full',
  ],
  [{ outcome: 'lost', ended_at: 1_000_250 }, 'backup nightly was lost after 250ms on lab1'],
] as const)('a run %j in one line', (change, text) => {
  const annotation = runAnnotation({ ...run, ...change } as RunRecord);
  expect(annotation.text).toBe(text);
  expect(annotation.tags).toEqual(['run', 'backup', 'nightly', 'outcome' in change ? change.outcome : 'success']);
});

let grafana: Server;
let answers: number[];
let requests: { readonly url: string; readonly authorization: string; readonly body: unknown }[];

beforeEach(async () => {
  answers = [];
  requests = [];
  grafana = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      const { url = '', headers } = request;
      requests.push({ url, authorization: headers.authorization ?? '', body: JSON.parse(text) });
      response.writeHead(answers.shift() ?? 200).end('{"message":"said"}');
    });
  });
  await new Promise<void>((resolve) => grafana.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  grafana.closeAllConnections();
  await new Promise((resolve) => grafana.close(resolve));
});

const address = (path = '') => new URL(`http://127.0.0.1:${(grafana.address() as AddressInfo).port}${path}`);

test('a run that ends becomes an annotation of a Grafana elsewhere', async () => {
  const clock = new ManualClock();
  const sender = new AnnotationSender({ url: address('/sub'), token: 'secret', logger: silentLogger, clock });
  const role = await startForTest({ onRunEnd: (ended) => sender.send(runAnnotation(ended)) });
  await role.report({ event: 'done', kind: 'backup', name: 'nightly', duration_seconds: 60, exit_status: 1 });
  await vi.waitFor(() => expect(requests).toHaveLength(1));
  expect(requests[0]).toMatchObject({
    ...{ url: '/sub/api/annotations', authorization: 'Bearer secret' },
    body: { text: 'backup nightly failed after 1m: exit status 1', tags: ['run', 'backup', 'nightly', 'failed'] },
  });
  sender.close();
  await role.stop();
  role.remove();
});

test('what fails is tried again, what is refused is not, and both hold up nothing', async () => {
  const clock = new ManualClock();
  const warn = vi.fn<(message: string, fields?: object) => void>();
  const sender = new AnnotationSender({ url: address(), logger: { ...silentLogger, warn }, clock });
  answers = [503, 429, 200, 401];
  for (const name of ['first', 'second', 'third']) sender.send(runAnnotation({ ...run, name }));
  await vi.waitFor(() => expect(requests).toHaveLength(1));
  await vi.waitFor(async () => {
    await clock.advance(1_000);
    expect(requests).toHaveLength(5);
  });
  const texts = requests.map(({ body }) => (body as { text: string }).text.split(' ')[1]);
  expect(texts).toEqual(['first', 'first', 'first', 'second', 'third']);
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn.mock.calls[0]?.[1]).toMatchObject({ reason: '401 {"message":"said"}' });
  sender.close();
});

test('an address that never answers is given up in time', async () => {
  const clock = new ManualClock();
  const warn = vi.fn<(message: string, fields?: object) => void>();
  const url = new URL('http://user:secret@127.0.0.1:1');
  const sender = new AnnotationSender({ url, logger: { ...silentLogger, warn }, clock });
  sender.send(runAnnotation(run));
  await vi.waitFor(async () => {
    await clock.advance(10_000);
    expect(warn).toHaveBeenCalledTimes(1);
  });
  expect(JSON.stringify(warn.mock.calls)).not.toContain('secret');
  sender.close();
});
