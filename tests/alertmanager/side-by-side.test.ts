import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realAlertmanager } from '../support/real-alertmanager.ts';
import { RELOADED, RELOADED_OTHERWISE, RESTARTED, SCENARIOS, type Scenario } from './scenarios.ts';
import { type Sender, startBoth } from './senders.ts';
import { configurationOf, play, STAGGER_MS, until } from './stage.ts';
import { type Told, Webhooks } from './webhooks.ts';

/** Turns come at odd seconds; what came after this is left out, as one sender may just have had it. */
const SECONDS = 16;

const hooks = new Webhooks();
const directory = mkdtempSync(join(tmpdir(), 'both-alertmanagers-'));
let senders: readonly Sender[] = [];

async function start(scenarios: readonly Scenario[], name: string): Promise<readonly Sender[]> {
  const parent = mkdtempSync(join(directory, `${name}-`));
  return startBoth(parent, (sender) => configurationOf(scenarios, `${hooks.url}/${sender}`));
}

function toldBy(sender: string, i: number): readonly Told[] {
  const end = (i * STAGGER_MS) / 1000 + SECONDS;
  return hooks.of(sender).filter(({ hook, at }) => hook.startsWith(`${i}/`) && at < end);
}

/** The same notifications of each group in the same order, each within a second. */
function expectSame(i: number, { run = '', tolerance = 1 } = {}): void {
  const [ours, real] = ['ours', 'real'].map((sender) => byGroup(toldBy(`${sender}${run}`, i)));
  const texts = (groups: ReadonlyMap<string, readonly Told[]>): object =>
    Object.fromEntries([...groups].sort().map(([group, list]) => [group, list.map(({ text }) => text)]));
  expect(texts(ours)).toEqual(texts(real));
  for (const [group, list] of ours) {
    for (const [k, { at, text }] of list.entries()) {
      const theirs = real.get(group)?.[k].at ?? Number.NaN;
      expect(Math.abs(at - theirs), `${text} at ${at} and ${theirs}`).toBeLessThan(tolerance);
    }
  }
}

function byGroup(told: readonly Told[]): Map<string, Told[]> {
  const groups = new Map<string, Told[]>();
  for (const one of told) {
    const group = `${one.hook} ${one.group}`;
    groups.set(group, [...(groups.get(group) ?? []), one]);
  }
  return groups;
}

beforeAll(() => hooks.start());

afterAll(async () => {
  await hooks.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(!realAlertmanager)('beside the real Alertmanager (needs prometheus-alertmanager)', () => {
  beforeAll(async () => {
    senders = await start(SCENARIOS, 'scenarios');
    hooks.restartClock();
    await play(SCENARIOS, senders, SECONDS);
    await Promise.all(senders.map((sender) => sender.stop()));
  }, 60_000);

  test.each(SCENARIOS.map(({ name }, i) => [name, i] as const))('%s', (_name, i) => {
    expectSame(i, SCENARIOS[i]);
  });

  test('most scenarios told of something', () => {
    const told = SCENARIOS.filter((_, i) => toldBy('real', i).length > 0);
    expect(told.length).toBeGreaterThan(SCENARIOS.length - 6);
  });

  test('a reload repeats nothing and forgets nothing', async () => {
    const scenarios = [RELOADED, RELOADED_OTHERWISE];
    const yamlFor = (sender: string, routes = scenarios) => configurationOf(routes, `${hooks.url}/${sender}-reload`);
    const both = await startBoth(mkdtempSync(join(directory, 'reload-')), yamlFor);
    hooks.restartClock();
    const played = play(scenarios, both, 16);
    await until(Date.now() + 3_500);
    const changed = [RELOADED, { ...RELOADED_OTHERWISE, route: '{group_by: [instance], repeat_interval: 3s}' }];
    await Promise.all(both.map((sender) => sender.reload(yamlFor(sender.name, changed))));
    await played;
    await Promise.all(both.map((sender) => sender.stop()));
    expectSame(0, { run: '-reload' });
    expectSame(1, { run: '-reload' });
    expect(toldBy('ours-reload', 0).length).toBeGreaterThan(2);
  }, 60_000);

  test('a restart repeats nothing inside repeat_interval', async () => {
    const scenarios = [RELOADED, RESTARTED];
    const yamlFor = (sender: string) => configurationOf(scenarios, `${hooks.url}/${sender}-restart`);
    const both = await startBoth(mkdtempSync(join(directory, 'restart-')), yamlFor);
    hooks.restartClock();
    const played = play(scenarios, both, 16);
    await until(Date.now() + 2_500);
    await Promise.all(both.map((sender) => sender.restart()));
    await played;
    await Promise.all(both.map((sender) => sender.stop()));
    expectSame(0, { run: '-restart' });
    expectSame(1, { run: '-restart' });
    expect(toldBy('ours-restart', 1).length).toBeGreaterThan(1);
  }, 60_000);
});
