import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FloatHistogram, Labels, ManualClock, Matcher, SampleColumns, silentLogger } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LoadedConfig } from '../config/load.ts';
import { configSchema } from '../config/schema.ts';
import type { RuleAlert } from './alerting.ts';
import { EvaluationSlots } from './dependencies.ts';
import { RuleManager } from './manager.ts';
import { ruleMetrics } from './metrics.ts';
import type { VectorSample } from './rule.ts';
import { parseRuleFile } from './rule-file.ts';

const minute = 60_000;
const loaded = { config: configSchema.parse({}) } as LoadedConfig;
let directory = '';
let tsdb: Tsdb;
let clock: ManualClock;
let registry: Registry;
let manager: RuleManager;
let slots: EvaluationSlots | undefined;
/** What a query waits for. */
let gate: Promise<void> = Promise.resolve();
let result: readonly VectorSample[] = [];
let queried: number[] = [];
let sent: { alert: RuleAlert; state: string }[] = [];

beforeEach(async () => {
  slots = undefined;
  gate = Promise.resolve();
  directory = mkdtempSync(join(tmpdir(), 'rules-'));
  tsdb = await Tsdb.open({ directory });
  clock = new ManualClock(1_700_000_000_000);
  manager = newManager();
  result = [{ labels: Labels.from({ instance: 'a' }), value: 1, histogram: null }];
  queried = [];
  sent = [];
});
afterEach(async () => {
  await manager.stop();
  await tsdb.close();
  rmSync(directory, { recursive: true });
});

function newManager(): RuleManager {
  registry = new Registry();
  return new RuleManager({
    tsdb,
    clock,
    logger: silentLogger,
    query: async (_expression, time) => {
      queried.push(time);
      await gate;
      return result;
    },
    resendDelayMs: minute,
    notify: (alerts) => sent.push(...alerts.map((alert) => ({ alert, state: alert.state }))),
    metrics: ruleMetrics(registry),
    externalUrl: () => '',
    ...(slots ? { slots } : {}),
  });
}

async function load(rules: object[], group: object = {}): Promise<void> {
  const { groups, problems } = parseRuleFile(JSON.stringify({ groups: [{ name: 'g', rules, ...group }] }));
  expect(problems).toEqual([]);
  await manager.apply(loaded, [{ file: 'r.yml', groups }]);
}

const down = (more: object = {}) => ({ alert: 'Down', expr: 'up == 0', for: '30m', ...more });
const firstAlert = () => manager.alertingRules[0].alerts.values().next().value as RuleAlert;

/** The last sample of a metric and whether it is a staleness marker. */
async function last(name: string): Promise<{ time: number; stale: boolean }[]> {
  const out = [];
  for (const series of await tsdb.querier(0, Infinity).select([new Matcher('=', '__name__', name)])) {
    const samples = new SampleColumns();
    series.read(0, Infinity, samples);
    out.push({ time: samples.t[samples.length - 1], stale: samples.isStale(samples.length - 1) });
  }
  return out;
}

test('a reload that changes a group keeps the alerts of its rules, and ends what other rules wrote', async () => {
  await load([down(), { record: 'gone', expr: 'x' }]);
  await clock.advance(10 * minute);
  const { activeAt } = firstAlert();
  await load([down({ annotations: { summary: 'new' } })]);
  expect(firstAlert().activeAt).toBe(activeAt);
  expect((await last('ALERTS_FOR_STATE')).map((sample) => sample.stale)).toEqual([false]);
  await clock.advance(25 * minute);
  expect(firstAlert().state).toBe('firing');
  expect((await last('gone')).map((sample) => sample.stale)).toEqual([true]);
  await manager.apply(loaded, []);
  await clock.advance(2 * minute);
  expect((await last('ALERTS')).map((sample) => sample.stale)).toEqual([true, true]);
});

test('after a restart an alert goes on from before, though the first evaluation finds nothing yet', async () => {
  await load([down()]);
  await clock.advance(20 * minute);
  const { activeAt } = firstAlert();
  await manager.stop();
  const found = result;
  result = [];
  await clock.advance(5 * minute);
  manager = newManager();
  await load([down()]);
  await clock.advance(minute);
  expect(manager.alertingRules[0].alerts.size).toBe(0);
  result = found;
  await clock.advance(minute);
  const downFor = clock.now() - activeAt - 20 * minute;
  expect(Math.abs(firstAlert().activeAt - activeAt - downFor)).toBeLessThanOrEqual(2 * minute);
  expect(firstAlert().activeAt).toBeLessThan(clock.now() - 5 * minute);
});

test('an alert goes out although its series cannot be stored', async () => {
  await load([down({ for: '0s' })]);
  await tsdb.close();
  await clock.advance(minute);
  expect(sent.map(({ state }) => state)).toEqual(['firing']);
  expect(manager.groups[0].rules[0].status).toMatchObject({ health: 'err', lastError: 'the database is closed' });
});

test('query_offset moves what is read and written, not when an alert is resolved', async () => {
  await load([down({ for: '0s' })], { query_offset: '10m' });
  // Until the state from before a restart has been looked for, nothing is written over it.
  await clock.advance(3 * minute);
  const { lastEvaluation } = manager.groups[0];
  expect(queried.at(-1)).toBe(lastEvaluation - 10 * minute);
  expect((await last('ALERTS'))[0].time).toBe(lastEvaluation - 10 * minute);
  result = [];
  sent = [];
  await clock.advance(minute);
  expect(sent.map(({ state }) => state)).toEqual(['inactive']);
  expect(firstAlert().resolvedAt).toBe(manager.groups[0].lastEvaluation);
});

test('keep_firing_for holds an alert whose result is gone', async () => {
  await load([down({ for: '0s', keep_firing_for: '5m' })]);
  await clock.advance(minute);
  result = [];
  await clock.advance(5 * minute);
  expect(firstAlert()).toMatchObject({ state: 'firing' });
  await clock.advance(minute);
  expect(firstAlert()).toMatchObject({ state: 'inactive' });
});

const keeping = () =>
  down({ for: '0s', keep_firing_for: '30m', annotations: { summary: 'down at {{ $labels.instance }}' } });

test('after a restart keep_firing_for goes on holding an alert whose result is gone', async () => {
  await load([keeping()]);
  await clock.advance(5 * minute);
  const { activeAt } = firstAlert();
  await manager.stop();
  result = [];
  sent = [];
  manager = newManager();
  await load([keeping()]);
  await clock.advance(4 * minute);
  expect(firstAlert()).toMatchObject({ state: 'firing', annotations: { summary: 'down at a' } });
  expect(firstAlert().activeAt).toBe(Math.floor(activeAt / 1000) * 1000);
  expect(sent.some(({ state }) => state === 'inactive')).toBe(false);
  await clock.advance(27 * minute);
  expect(firstAlert().state).toBe('inactive');
});

test('the history says how an alert came to its state', async () => {
  await load([down({ for: '2m' })]);
  await clock.advance(4 * minute);
  result = [];
  await clock.advance(minute);
  const { changes } = manager.alertingRules[0].history;
  expect(changes.map(({ from, to, value }) => [from, to, value])).toEqual([
    ['inactive', 'pending', 1],
    ['pending', 'firing', 1],
    ['firing', 'inactive', null],
  ]);
  expect(changes[1].time - changes[0].time).toBe(2 * minute);
  expect(changes[2].reason).toBe('the expression has no result any more');
});

test('a longer `for` after a reload makes a firing alert pending again', async () => {
  await load([down({ for: '1m' })]);
  await clock.advance(4 * minute);
  expect(firstAlert().state).toBe('firing');
  await load([down({ for: '1h' })]);
  await clock.advance(minute);
  expect(firstAlert()).toMatchObject({ state: 'pending', firedAt: 0, lastSentAt: 0 });
});

test('limits refuse what is more, and say so', async () => {
  result = ['a', 'b', 'c'].map((instance) => ({ labels: Labels.from({ instance }), value: 1, histogram: null }));
  await load([down({ for: '0s' }), { record: 'r', expr: 'x' }], { limit: 2 });
  await clock.advance(minute);
  const errors = manager.groups[0].rules.map(({ status }) => status.lastError);
  expect(errors).toEqual(['exceeded limit of 2 with 3 alerts', 'exceeded limit of 2 with 3 series']);
  expect(manager.alertingRules[0].alerts.size).toBe(0);
});

test('results of which a label makes one of two are refused', async () => {
  result = ['a', 'b'].map((instance) => ({ labels: Labels.from({ instance }), value: 1, histogram: null }));
  await load([down({ labels: { instance: 'x' } }), { record: 'r', expr: 'x', labels: { instance: 'x' } }]);
  await clock.advance(minute);
  const errors = manager.groups[0].rules.map(({ status }) => status.lastError);
  expect(errors).toEqual([
    'vector contains metrics with the same labelset after applying alert labels',
    'vector contains metrics with the same labelset after applying rule labels',
  ]);
});

test('histograms are recorded; one that contradicts itself is an error, and what is beside it is stored', async () => {
  const sampleOf = (instance: string, count: number) => ({
    labels: Labels.from({ instance }),
    value: 0,
    histogram: new FloatHistogram({ count }),
  });
  result = [...result, sampleOf('h', 1.5)];
  await load([{ record: 'r', expr: 'x' }]);
  await clock.advance(minute);
  expect(manager.groups[0].rules[0].status).toMatchObject({ health: 'ok', lastError: '' });
  const querier = tsdb.querier(0, Infinity);
  const [, recorded] = await querier.select([new Matcher('=', '__name__', 'r')]);
  const columns = new SampleColumns();
  expect(recorded.read(0, Infinity, columns)).toBe(1);
  expect(columns.histograms?.[0]?.count).toBe(1.5);
  querier.close();
  result = [...result, sampleOf('bad', -1)];
  await clock.advance(minute);
  expect(manager.groups[0].rules[0].status).toMatchObject({
    health: 'err',
    lastError: "observation count is -1: histogram's observation count is negative",
  });
  expect(await last('r')).toHaveLength(2);
});

test('series that a renamed group goes on writing do not end', async () => {
  await load([{ record: 'r', expr: 'x' }]);
  await clock.advance(2 * minute);
  await load([{ record: 'r', expr: 'x' }], { name: 'renamed' });
  await clock.advance(4 * minute);
  expect((await last('r')).map((sample) => sample.stale)).toEqual([false]);
});

test('missed iterations are counted', async () => {
  let open = () => {};
  gate = new Promise((resolve) => {
    open = resolve;
  });
  await load([{ record: 'r', expr: 'x' }]);
  await clock.advance(5 * minute);
  open();
  await clock.advance(0);
  const values = (await registry.getSingleMetric('prometheus_rule_group_iterations_missed_total')?.get())?.values;
  expect(values).toMatchObject([{ value: 4, labels: { rule_group: 'r.yml;g' } }]);
  await manager.apply(loaded, []);
  expect(await registry.metrics()).not.toContain('r.yml;g');
});

test.each([
  [undefined, 1],
  [2, 3],
  [100, 4],
])('with %s slots, %s of four rules that do not need each other begin at once', async (most, begun) => {
  if (most) slots = new EvaluationSlots(most);
  await manager.stop();
  let open = () => {};
  gate = new Promise((resolve) => {
    open = resolve;
  });
  manager = newManager();
  await load(['a', 'b', 'c', 'd'].map((record) => ({ record, expr: `in_${record}` })));
  await clock.advance(minute);
  expect(queried.length).toBe(begun);
  open();
});
