import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programOnPath } from '../../../../tests/support/real-alertmanager.ts';
import { freePort } from '../../../../tests/support/services.ts';
import { startForTest } from '../role-fixture.ts';

const program = programOnPath('prometheus-pushgateway', 'pushgateway');

const FAMILIES = `# HELP jobs Jobs.
# TYPE jobs counter
jobs{kind="a \\"b\\""} 1.5e+06
jobs{kind="ü"} 0
# TYPE seconds histogram
seconds_bucket{le="0.1"} 1
seconds_bucket{le="1"} 2
seconds_bucket{le="+Inf"} 3
seconds_sum 4.5
seconds_count 3
# TYPE q summary
q{quantile="0.5"} 1
q{quantile="0.99"} NaN
q_sum 2
q_count 2
untyped{instance="mine"} -Inf
`;

/** What is done one after the other; body undefined for none. */
const REQUESTS: readonly (readonly [method: string, path: string, body?: string])[] = [
  ['PUT', '/metrics/job/first', FAMILIES],
  ['POST', '/metrics/job/first', 'more 1\n'],
  ['POST', '/metrics/job/first/db/main', 'more{db="other"} 2\n'],
  ['PUT', '/metrics/job/second', ''],
  ['PUT', '/metrics/job/second/path@base64/L3Zhci90bXA', 'x 1\n'],
  ['PUT', '/metrics/job@base64/c29tZS9qb2I=', 'x 2\n'],
  ['PUT', '/metrics/job/third/empty@base64/=', 'x 3\n'],
  ['PUT', '/metrics/job/a%20b/c/d%2Fe', 'x 4\n'],
  ['PUT', '/metrics/job/a%20b/c/d%20e', 'x 4\n'],
  ['POST', '/metrics/job/bad', 'x 1 1234\n'],
  ['POST', '/metrics/job/bad', 'x{ 1\n'],
  ['POST', '/metrics/job/bad', '# TYPE jobs gauge\njobs 1\n'],
  ['POST', '/metrics/job/bad', 'dup 1\ndup 2\n'],
  ['POST', '/metrics/job/bad', '# TYPE t wrong\nt 1\n'],
  ['POST', '/metrics/job/bad/one', 'x 1\n'],
  ['POST', '/metrics/job/bad/1a/b', 'x 1\n'],
  ['POST', '/metrics/job/first', 'seconds_count 1\n'],
  ['POST', '/metrics/job/bad', 'seconds_bucket 1\n'],
  ['POST', '/metrics/job/bad', 'q_sum 1\n'],
  ['POST', '/metrics/job/third', 'q_bucket 1\nlater_sum 1\n'],
  ['POST', '/metrics/job/bad', '# TYPE later histogram\nlater_bucket{le="1"} 1\nlater_sum 1\nlater_count 1\n'],
  ['POST', '/metrics/job/third', '# TYPE later summary\nlater_sum 1\nlater_count 1\n'],
  ['DELETE', '/metrics/job/second'],
  ['DELETE', '/metrics/job/none/of/these'],
  ['PUT', '/metrics/job/first', 'only 1\n'],
  ['GET', '/-/healthy'],
  ['GET', '/-/ready'],
  ['POST', '/-/quit'],
  ['PUT', '/api/v1/admin/wipe'],
];

/** Series that were pushed, with times told apart from none. */
function pushedLines(text: string): string[] {
  return text
    .split('\n')
    .filter(
      (line) =>
        /job="/.test(line) ||
        /^# TYPE (?:jobs|seconds|q|more|x|only|untyped|dup|later|q_bucket|push_time_seconds) /.test(line),
    )
    .map((line) =>
      line.replace(/^(push_\w+{.*}) (\S+)$/, (_, series: string, value: string) => `${series} ${Number(value) > 0}`),
    )
    .map((line) =>
      line.replace(/ (\S+)$/, (_, value: string) => (Number.isNaN(Number(value)) ? ` ${value}` : ` ${Number(value)}`)),
    )
    .sort();
}

describe.skipIf(!program)('the same requests to Debian’s Pushgateway (skipped where it is not installed)', () => {
  let real: ChildProcess;
  let realUrl: string;
  let role: Awaited<ReturnType<typeof startForTest>>;

  beforeAll(async () => {
    const port = await freePort();
    realUrl = `http://127.0.0.1:${port}`;
    // Debian's keeps its pushes in a file unless told otherwise
    const flags = [`--web.listen-address=127.0.0.1:${port}`, '--persistence.file='];
    real = spawn(program as string, flags, { stdio: 'ignore' });
    role = await startForTest();
    for (let i = 0; i < 200 && !(await fetch(`${realUrl}/-/ready`).catch(() => undefined))?.ok; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  afterAll(async () => {
    real.kill();
    await role.stop();
    role.remove();
  });

  test.each(REQUESTS)('%s %s has the same status, and leaves the same metrics', async (method = 'GET', path, body) => {
    const statuses = await Promise.all(
      [realUrl, role.url].map(
        async (url) => (await fetch(url + path, { method, ...(body === undefined ? {} : { body }) })).status,
      ),
    );
    expect(statuses[1]).toBe(statuses[0]);
    const [theirs, ours] = await Promise.all(
      [realUrl, role.url].map(async (url) => (await fetch(`${url}/metrics`)).text()),
    );
    expect(pushedLines(ours)).toEqual(pushedLines(theirs));
  });

  test('the API shows the same groups', async () => {
    const groups = async (url: string) => {
      const { data } = (await (await fetch(`${url}/api/v1/metrics`)).json()) as { data: Record<string, unknown>[] };
      const text = JSON.stringify(data.map((group) => JSON.stringify(group, Object.keys(group).sort())).sort());
      expect(data.length).toBeGreaterThan(4);
      return { text, data };
    };
    const [theirs, ours] = await Promise.all([groups(realUrl), groups(role.url)]);
    const shapes = ({ data }: { readonly data: readonly Record<string, unknown>[] }) =>
      data
        .map((group) => [
          Object.entries(group.labels as object).sort(),
          group.last_push_successful,
          Object.keys(group).sort(),
        ])
        .map((one) => JSON.stringify(one))
        .sort();
    expect(shapes(ours)).toEqual(shapes(theirs));
  });
});
