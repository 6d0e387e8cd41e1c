import { ProtoWriter } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startForTest } from '../role-fixture.ts';

let role: Awaited<ReturnType<typeof startForTest>>;
beforeEach(async () => {
  role = await startForTest();
});
afterEach(async () => {
  await role.stop();
  role.remove();
});

const GAUGE = 1;
const SUMMARY = 2;
const HISTOGRAM = 4;
type Labels = Readonly<Record<string, string>>;
/** Field of the value in a metric, and what it holds as `[field, double]`. */
const VALUES: Readonly<Record<number, (writer: ProtoWriter) => void>> = {
  [GAUGE]: (writer) => within(writer, 2, () => writer.double(1, 3)),
  [SUMMARY]: (writer) =>
    within(writer, 4, () => {
      writer.int64(1, 2);
      within(writer, 3, () => {
        writer.double(1, 0.5);
        writer.double(2, 7);
      });
    }),
  [HISTOGRAM]: (writer) =>
    within(writer, 7, () => {
      writer.int64(1, 2);
      within(writer, 3, () => {
        writer.int64(1, 1);
        writer.double(2, 0.25);
      });
    }),
};

function within(writer: ProtoWriter, field: number, write: () => void): void {
  const start = writer.begin(field);
  write();
  writer.end(start);
}

/** One family with a metric for each set of labels. */
function family(name: string, type: number, ...metrics: readonly Labels[]): Uint8Array {
  const inner = new ProtoWriter();
  inner.string(1, name);
  inner.int64(3, type);
  for (const labels of metrics) {
    within(inner, 4, () => {
      for (const [label, value] of Object.entries(labels)) {
        within(inner, 1, () => {
          inner.string(1, label);
          inner.string(2, value);
        });
      }
      VALUES[type](inner);
    });
  }
  const outer = new ProtoWriter();
  outer.delimited(inner.written);
  return outer.written.slice();
}

async function push(...families: readonly Uint8Array[]): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`${role.url}/metrics/job/j`, {
    method: 'PUT',
    headers: {
      'content-type': 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
    },
    body: Buffer.concat(families),
  });
  return { status: response.status, text: await response.text() };
}

const lines = async (): Promise<string[]> =>
  (await role.ask('GET', '/metrics')).text.match(/^[ghs][{_].*$/gm)?.map(String) ?? [];

test('a push in protobuf is there as text', async () => {
  const answer = await push(
    family('g', GAUGE, { a: '1' }, { a: '2' }),
    family('h', HISTOGRAM, {}),
    family('s', SUMMARY, {}),
  );
  expect(answer).toEqual({ status: 200, text: '' });
  expect(await lines()).toEqual([
    'g{a="1",instance="",job="j"} 3',
    'g{a="2",instance="",job="j"} 3',
    'h_bucket{instance="",job="j",le="0.25"} 1',
    'h_bucket{instance="",job="j",le="+Inf"} 2',
    'h_sum{instance="",job="j"} 0',
    'h_count{instance="",job="j"} 2',
    's{instance="",job="j",quantile="0.5"} 7',
    's_sum{instance="",job="j"} 0',
    's_count{instance="",job="j"} 2',
  ]);
});

test('of two families by one name the last counts', async () => {
  expect((await push(family('g', GAUGE, { a: '1' }), family('g', GAUGE, { a: '2' }))).status).toBe(200);
  expect(await lines()).toEqual(['g{a="2",instance="",job="j"} 3']);
});

test.each<[string, Uint8Array, string]>([
  ['the name', family('g 1\nevil', GAUGE, {}), 'invalid metric name "g 1\\nevil"'],
  ['a name that is UTF-8', family('gü', GAUGE, {}), 'invalid metric name "gü"'],
  ['a label', family('g', GAUGE, { 'a="1"} 1\nevil{b': 'x' }), 'invalid label name "a='],
  ['a name as a label', family('g', GAUGE, { __name__: 'evil 1\n' }), 'label name "__name__" is reserved'],
  ['a bound as a label', family('h', HISTOGRAM, { le: 'x' }), 'label name "le" divides metric "h" already'],
  ['the same gauge twice', family('g', GAUGE, { a: '1' }, { a: '1' }), 'was collected before'],
  ['the same histogram twice', family('h', HISTOGRAM, {}, {}), 'was collected before'],
])('a push in protobuf is refused for %s', async (_what, body, reason) => {
  const answer = await push(family('g', GAUGE, { fine: '1' }), body);
  expect(answer.status).toBe(400);
  expect(answer.text).toContain(reason);
  expect((await role.ask('GET', '/metrics')).text).not.toContain('evil');
  expect(await lines()).toEqual([]);
});
