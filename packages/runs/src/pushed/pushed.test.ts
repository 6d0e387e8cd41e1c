import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BEGIN, startForTest } from '../role-fixture.ts';
import { readBody } from './body.ts';

let role: Awaited<ReturnType<typeof startForTest>>;
beforeEach(async () => {
  role = await startForTest();
});
afterEach(async () => {
  await role.stop();
  role.remove();
});

const HISTOGRAM = '# TYPE h histogram\nh_bucket{le="1"} 2\nh_sum 4\nh_count 3\n';

describe('a push', () => {
  test('has the labels of its address, and a label instance', async () => {
    expect((await role.ask('PUT', '/metrics/job/nightly/db/main', 'x{db="other",a="1"} 3\n')).status).toBe(200);
    expect(await role.value('x{a="1",db="main",instance="",job="nightly"}')).toBe(3);
    expect(await role.value('push_time_seconds{db="main",instance="",job="nightly"}')).toBe(BEGIN / 1000);
    expect(await role.value('push_failure_time_seconds{db="main",instance="",job="nightly"}')).toBe(0);
  });

  test('by POST replaces what has its name, by PUT the group, and DELETE removes it', async () => {
    await role.ask('POST', '/metrics/job/j', 'a 1\nb{x="1"} 1\n');
    await role.ask('POST', '/metrics/job/j', 'b{x="2"} 2\n');
    expect(await role.value('a{instance="",job="j"}')).toBe(1);
    expect(await role.value('b{instance="",job="j",x="1"}')).toBeUndefined();
    await role.ask('PUT', '/metrics/job/j', 'c 1\n');
    expect(await role.value('a{instance="",job="j"}')).toBeUndefined();
    expect((await role.ask('DELETE', '/metrics/job/j')).status).toBe(202);
    expect((await role.ask('GET', '/metrics')).text).not.toContain('job="j"');
  });

  test('of a histogram without its last bucket gets one', async () => {
    await role.ask('PUT', '/metrics/job/j', HISTOGRAM);
    expect(await role.value('h_bucket{instance="",job="j",le="+Inf"}')).toBe(3);
    expect(await role.value('h_sum{instance="",job="j"}')).toBe(4);
  });

  test('may be compressed, and values may be encoded', async () => {
    const response = await fetch(`${role.url}/metrics/job@base64/YS9i/path@base64/L3Zhci8=`, {
      method: 'PUT',
      headers: { 'content-encoding': 'gzip' },
      body: gzipSync('x 1\n'),
    });
    expect(response.status).toBe(200);
    expect(await role.value('x{instance="",job="a/b",path="/var/"}')).toBe(1);
  });

  test('adds series to a metric that the server has itself', async () => {
    await role.ask('PUT', '/metrics/job/j', '# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 7\n');
    expect(await role.value('process_cpu_seconds_total{instance="",job="j"}')).toBe(7);
    const { text } = await role.ask('GET', '/metrics');
    expect(text.match(/# TYPE process_cpu_seconds_total/g)).toHaveLength(1);
  });

  test('with an empty instance is of the group without one', async () => {
    await role.ask('PUT', '/metrics/job/j', 'x 1\n');
    await role.ask('PUT', '/metrics/job/j/instance/', 'x 2\n');
    expect((await role.ask('GET', '/metrics')).text.match(/^x{.*$/gm)).toEqual(['x{instance="",job="j"} 2']);
  });

  test('is forgotten after its ttl', async () => {
    await role.ask('PUT', '/metrics/job/j?ttl=1m', 'x 1\n');
    await role.ask('PUT', '/metrics/job/k', 'x 1\n');
    await role.clock.advance(61_000);
    expect(await role.value('x{instance="",job="j"}')).toBeUndefined();
    expect(await role.value('x{instance="",job="k"}')).toBe(1);
  });
});

test.each([
  ['PUT', '/metrics/job@base64/=', 'x 1\n', 'job name is required'],
  ['PUT', '/metrics/job/j/a', 'x 1\n', 'odd number of components in label string "/a"'],
  ['PUT', '/metrics/job/j/a-b/c', 'x 1\n', 'improper label name "a-b"'],
  ['PUT', '/metrics/job/j/__a/c', 'x 1\n', 'improper label name "__a"'],
  ['PUT', '/metrics/job@base64/%21', 'x 1\n', 'invalid base64 encoding in job name "!"'],
  ['DELETE', '/metrics/job/j/a', undefined, 'odd number of components in label string "/a"'],
  ['PUT', '/metrics/job/j', 'x 1', 'text format parsing error in line 1: unexpected end of input stream'],
  ['PUT', '/metrics/job/j', 'x one\n', 'text format parsing error in line 1: expected float as value, got "one"'],
  ['PUT', '/metrics/job/j', 'x 1 123\n', 'pushed metrics must not have timestamps'],
  ['PUT', '/metrics/job/j', 'x 1\nx 2\n', 'was collected before with the same name and label values'],
  ['PUT', '/metrics/job/j', '# TYPE kept counter\nkept 2\n', 'collected metric kept should be a gauge'],
  ['PUT', '/metrics/job/j', 'process_cpu_seconds_total 2\n', 'process_cpu_seconds_total should be a counter'],
  ['PUT', '/metrics/job/j?ttl=soon', 'x 1\n', 'ttl: '],
])('%s %s of %j is refused', async (method, path, body, reason) => {
  await role.ask('PUT', '/metrics/job/other', '# TYPE kept gauge\nkept 1\n');
  const before = (await role.ask('GET', '/metrics')).text.match(/^kept.*$/gm);
  const answer = await role.ask(method, path, body);
  expect(answer.status).toBe(400);
  expect(answer.text).toContain(reason);
  expect((await role.ask('GET', '/metrics')).text.match(/^kept.*$/gm)).toEqual(before);
});

const SUMMARY = '# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 2\ns_count 1\n';
test.each<[string, string, string, string, string | undefined]>([
  [
    'j',
    HISTOGRAM,
    'j',
    'h_count 1\n',
    'collected metric named "h_count" collides with previously collected histogram named "h"',
  ],
  [
    'j',
    HISTOGRAM,
    'k',
    'h_bucket 1\n',
    'collected metric named "h_bucket" collides with previously collected histogram named "h"',
  ],
  [
    'k',
    'h_sum 1\n',
    'j',
    HISTOGRAM,
    'collected histogram or summary named "h" collides with previously collected metric named "h_sum"',
  ],
  [
    'k',
    'h_bucket 1\n',
    'j',
    HISTOGRAM,
    'collected histogram named "h" collides with previously collected metric named "h_bucket"',
  ],
  [
    'j',
    'h_bucket 1\n',
    'j',
    HISTOGRAM,
    'collected histogram named "h" collides with previously collected metric named "h_bucket"',
  ],
  [
    'j',
    SUMMARY,
    'k',
    's_sum 1\n',
    'collected metric named "s_sum" collides with previously collected summary named "s"',
  ],
  [
    'k',
    's_count 1\n',
    'j',
    SUMMARY,
    'collected histogram or summary named "s" collides with previously collected metric named "s_count"',
  ],
  ['j', SUMMARY, 'k', 's_bucket 1\n', undefined],
  ['j', 's 1\n', 'k', 's_count 1\n', undefined],
])('in job %s %j, then in %s %j', async (firstJob, first, job, body, reason) => {
  expect((await role.ask('POST', `/metrics/job/${firstJob}`, first)).status).toBe(200);
  const answer = await role.ask('POST', `/metrics/job/${job}`, body);
  expect(answer.text).toBe(
    reason === undefined ? '' : `pushed metrics are invalid or inconsistent with existing metrics: ${reason}\n`,
  );
  expect(answer.status).toBe(reason === undefined ? 200 : 400);
});

test('what a PUT replaces collides with nothing', async () => {
  await role.ask('PUT', '/metrics/job/j', HISTOGRAM);
  expect((await role.ask('PUT', '/metrics/job/j', 'h_count 1\n')).status).toBe(200);
  expect((await role.ask('PUT', '/metrics/job/j', HISTOGRAM)).status).toBe(200);
});

test('a push that was refused leaves the group as it was, and tells when', async () => {
  await role.ask('PUT', '/metrics/job/j', 'x 1\n');
  await role.clock.advance(5_000);
  await role.ask('PUT', '/metrics/job/j', 'x 2 99\n');
  expect(await role.value('x{instance="",job="j"}')).toBe(1);
  expect(await role.value('push_failure_time_seconds{instance="",job="j"}')).toBe(BEGIN / 1000 + 5);
  const [group] = (await role.data('/api/v1/metrics')) as { last_push_successful: boolean }[];
  expect(group.last_push_successful).toBe(false);
});

test('what was pushed is there after a restart', async () => {
  await role.ask(
    'PUT',
    '/metrics/job/j',
    `${HISTOGRAM}# TYPE s summary\ns{quantile="0.5"} NaN\ns_sum +Inf\ns_count 1\n`,
  );
  const pushed = async () =>
    (await role.ask('GET', '/metrics')).text.split('\n').filter((line) => line.includes('job="j"'));
  const before = await pushed();
  await role.stop();
  role = await startForTest({ directory: role.directory });
  expect(before.length).toBeGreaterThan(8);
  expect(await pushed()).toEqual(before);
});

test('a file that is none of ours stops the start, and stays', async () => {
  const file = join(role.directory, 'other.data');
  writeFileSync(file, 'gob');
  await expect(startForTest({ persistenceFile: file })).rejects.toThrow(/other\.data is no file of pushed metrics/);
  expect(readFileSync(file, 'utf8')).toBe('gob');
});

test('a grouping label of any name outlives a restart', async () => {
  await role.ask('PUT', '/metrics/job/j/number/7', 'x 1\ny NaN\n');
  await role.stop();
  role = await startForTest({ directory: role.directory });
  expect(await role.value('x{instance="",job="j",number="7"}')).toBe(1);
  expect(await role.value('y{instance="",job="j",number="7"}')).toBeNaN();
});

test('a group that has known failures only expires as others do', async () => {
  expect((await role.ask('PUT', '/metrics/job/j?ttl=1m', 'x 1 1000\n')).status).toBe(400);
  expect(await role.value('push_time_seconds{instance="",job="j"}')).toBe(0);
  await role.clock.advance(80_000);
  expect(await role.value('push_time_seconds{instance="",job="j"}')).toBeUndefined();
});

test('what another group had and has no more contradicts nothing', async () => {
  const push = (path: string, body: string) => role.ask('PUT', `/metrics/job/j${path}`, body);
  expect((await push('', '# TYPE x gauge\nx{instance="i"} 1\n')).status).toBe(200);
  expect((await push('/instance/i', '# TYPE x gauge\nx 1\n')).text).toContain('was collected before');
  expect((await push('/instance/i', '# TYPE x counter\nx 1\n')).text).toContain('should be a gauge');
  expect((await push('', '# TYPE y gauge\ny{instance="i"} 1\n')).status).toBe(200);
  expect((await push('/instance/i', '# TYPE x counter\nx 1\n')).status).toBe(200);
  expect((await push('', '# TYPE x gauge\nx{instance="i"} 1\n')).status).toBe(400);
  await role.ask('DELETE', '/metrics/job/j/instance/i');
  expect((await push('', '# TYPE x gauge\nx{instance="i"} 1\n')).status).toBe(200);
});

describe('a push of many series', () => {
  const many = Array.from({ length: 40_000 }, (_, i) => `x{i="${i}"} 1\n`).join('');

  test('lets other requests be answered while it is read', async () => {
    const order: string[] = [];
    const large = readBody(Buffer.from(many), 'text/plain').then((families) => {
      order.push('large');
      return families;
    });
    await role.ask('GET', '/-/healthy');
    order.push('healthy');
    expect((await large)[0]?.metrics).toHaveLength(40_000);
    expect(order).toEqual(['healthy', 'large']);
  });
});
