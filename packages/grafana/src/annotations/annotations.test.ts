import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunningGrafana, startGrafana } from '../start.ts';
import { AnnotationStore } from './store.ts';

const NOW = Date.parse('2026-11-23T07:00:00Z');
const authorization = `Basic ${Buffer.from('admin:admin').toString('base64')}`;
let directory: string;
let grafana: RunningGrafana;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'annotations-'));
  for (const name of ['config/provisioning/datasources', 'config/dashboards', 'ui']) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  writeFileSync(join(directory, 'ui/index.html'), '<!doctype html>');
  await start();
});

afterEach(async () => {
  await grafana.stop();
  rmSync(directory, { recursive: true });
});

async function start(): Promise<void> {
  grafana = await startGrafana({
    configDirectory: join(directory, 'config'),
    directory: join(directory, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    uiDirectory: join(directory, 'ui'),
    environment: {},
    clock: new ManualClock(NOW),
  });
}

async function call(method: string, path: string, body?: unknown) {
  const response = await fetch(`${grafana.url}/api/annotations${path}`, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as never };
}

const add = async (body: object): Promise<number> => ((await call('POST', '', body)).json as { id: number }).id;
const find = async (query: string): Promise<string[]> =>
  ((await call('GET', query)).json as { text: string }[]).map(({ text }) => text);

test('an annotation as Grafana shows it', async () => {
  expect(await call('POST', '', { text: 'deployed', tags: ['deploy', ' v: 2 ', 'deploy'] })).toEqual({
    status: 200,
    json: { message: 'Annotation added', id: 1 },
  });
  const shown = {
    ...{ id: 1, alertId: 0, alertName: '', dashboardId: 0, dashboardUID: null, panelId: 0, userId: 1 },
    ...{ newState: '', prevState: '', created: NOW, updated: NOW, time: NOW, timeEnd: NOW },
    ...{ text: 'deployed', tags: ['deploy', 'v:2'], login: 'admin', email: '', avatarUrl: '', data: {} },
  };
  expect((await call('GET', '')).json).toEqual([shown]);
  expect((await call('GET', '/1')).json).toEqual(shown);
});

test('found by time, tags, dashboard and panel; the newest first', async () => {
  await add({ text: 'a', time: 1000, timeEnd: 2000, tags: ['run', 'kind:backup'] });
  await add({ text: 'b', time: 5000, timeEnd: 3000, tags: ['run', 'failed'] });
  await add({ text: 'c', time: 4000, dashboardUID: 'system', panelId: 2 });
  expect(await find('')).toEqual(['b', 'c', 'a']);
  expect(await find('?limit=1')).toEqual(['b']);
  expect(await find('?from=2000&to=2999')).toEqual(['a']);
  expect(await find('?from=2001&to=2999')).toEqual([]);
  expect(await find('?tags=run&tags=failed')).toEqual(['b']);
  expect(await find('?tags=kind&tags=failed&matchAny=true')).toEqual(['b', 'a']);
  expect(await find('?tags=kind:other')).toEqual([]);
  expect(await find('?dashboardUID=system')).toEqual(['c']);
  expect(await find('?dashboardUID=system&panelId=3')).toEqual([]);
  expect(await find('?type=alert')).toEqual([]);
  expect(await find('?type=annotation&userId=1')).toHaveLength(3);
  expect(await find('?from=x&to=y&limit=-1')).toHaveLength(3);
});

test('changed, patched, deleted', async () => {
  await add({ text: 'a', time: 1000, timeEnd: 2000, tags: ['x'] });
  expect((await call('PATCH', '/1', { tags: ['y'], time: 1500 })).json).toEqual({ message: 'Annotation patched' });
  expect((await call('GET', '/1')).json).toMatchObject({ text: 'a', time: 1500, timeEnd: 2000, tags: ['y'] });
  expect((await call('PUT', '/1', { text: 'b', time: 3000 })).json).toEqual({ message: 'Annotation updated' });
  expect((await call('GET', '/1')).json).toMatchObject({ text: 'b', time: 2000, timeEnd: 3000, tags: [] });
  expect((await call('DELETE', '/1')).json).toEqual({ message: 'Annotation deleted' });
  expect(await call('GET', '/1')).toEqual({ status: 404, json: { message: 'Annotation not found' } });
  expect((await call('DELETE', '/1')).status).toBe(200);
});

test('tags with how often they are used', async () => {
  await add({ text: 'a', tags: ['run', 'kind:backup'] });
  await add({ text: 'b', tags: ['run'] });
  const tags = async (query: string) => (await call('GET', `/tags${query}`)).json;
  expect(await tags('')).toEqual({
    result: {
      tags: [
        { tag: 'kind:backup', count: 1 },
        { tag: 'run', count: 2 },
      ],
    },
  });
  expect(await tags('?tag=BACK&limit=5')).toEqual({ result: { tags: [{ tag: 'kind:backup', count: 1 }] } });
});

test.each([
  ['POST', '', {}, 400, 'Failed to save annotation'],
  ['POST', '', { text: 'x', tags: 'run' }, 400, 'bad request data'],
  ['POST', '', { text: 'x', time: 1.5 }, 400, 'bad request data'],
  ['POST', '', '{', 400, 'bad request data'],
  ['POST', '', { text: 'x', tags: ['y'.repeat(500)] }, 400, 'Tags length exceeds the maximum allowed.'],
  ['POST', '', { text: 'x'.repeat(70_000) }, 400, 'Failed to save annotation: it is longer than 65536 characters'],
  ['PUT', '/7', { text: 'x' }, 404, 'Annotation not found'],
  ['PATCH', '/x', { text: 'x' }, 400, 'annotationId is invalid'],
  ['DELETE', '/x', undefined, 400, 'annotationId is invalid'],
])('%s %s is refused (%#)', async (method, path, body, status, message) => {
  const answer = await call(method, path, body);
  expect(answer).toMatchObject({ status, json: { message } });
  expect(await find('')).toEqual([]);
});

test('nobody sees or makes one without a password', async () => {
  for (const method of ['GET', 'POST']) {
    expect((await fetch(`${grafana.url}/api/annotations`, { method })).status).toBe(401);
  }
});

test('what a crash leaves is read, but for the line that it tore', async () => {
  await add({ text: 'a' });
  await add({ text: 'b' });
  await call('DELETE', '/2');
  grafana.annotate({ text: 'in process', tags: ['run'] });
  await grafana.stop();
  appendFileSync(join(directory, 'data/annotations.jsonl'), '{"id":4,"text":"to');
  await start();
  expect(await find('')).toEqual(['a', 'in process']);
  expect(await add({ text: 'c' })).toBe(4);
  expect(await find('')).toEqual(['a', 'in process', 'c']);
});

describe('bounds', () => {
  test('of many annotations the newest are kept, in a file that does not grow for ever', () => {
    const file = join(directory, 'many.jsonl');
    const clock = new ManualClock(NOW);
    const store = new AnnotationStore(file, clock);
    for (let i = 0; i < 10_050; i++) store.add({ text: `${i}` });
    const last = store.get(10_050);
    if (!last) throw new Error('not kept');
    for (let i = 0; i < 10_000; i++) store.update(last, { text: `again ${i}` });
    store.delete(10_050);
    expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThan(11_000);
    const read = new AnnotationStore(file, clock);
    expect([...read.all()]).toHaveLength(9_999);
    expect([...read.all()][0]?.text).toBe('50');
    expect(read.add({ text: 'new' }).id).toBe(10_051);
  });
});
