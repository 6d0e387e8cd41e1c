import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, ManualClock, Matcher, SampleColumns, silentLogger } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LoadedConfig } from '../config/load.ts';
import { configSchema } from '../config/schema.ts';
import type { RuleAlert } from './alerting.ts';
import { RuleManager } from './manager.ts';
import type { VectorSample } from './rule.ts';
import { ruleFileSchema } from './schema.ts';

const minute = 60_000;
const loaded = { config: configSchema.parse({}) } as LoadedConfig;
let directory = '';
let tsdb: Tsdb;
let clock: ManualClock;
let manager: RuleManager;
let result: readonly VectorSample[] = [];
let queried: number[] = [];
let sent: { alert: RuleAlert; state: string }[] = [];

beforeEach(async () => {
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
  return new RuleManager(
    {
      tsdb,
      clock,
      logger: silentLogger,
      query: async (_expression, time) => {
        queried.push(time);
        return result;
      },
      resendDelayMs: minute,
      notify: (alerts) => sent.push(...alerts.map((alert) => ({ alert, state: alert.state }))),
      evaluated: () => {},
    },
    () => '',
  );
}

async function load(rules: object[], group: object = {}): Promise<void> {
  const { groups } = ruleFileSchema.parse({ groups: [{ name: 'g', rules, ...group }] });
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
  await clock.advance(minute);
  const { lastEvaluation } = manager.groups[0];
  expect(queried).toEqual([lastEvaluation - 10 * minute]);
  expect((await last('ALERTS'))[0].time).toBe(lastEvaluation - 10 * minute);
  result = [];
  await clock.advance(minute);
  expect(sent.map(({ state }) => state)).toEqual(['firing', 'inactive']);
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
