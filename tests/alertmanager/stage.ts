import { parse, stringify } from 'yaml';
import type { Scenario, Step } from './scenarios.ts';
import type { Sender } from './senders.ts';

type Yaml = Record<string, unknown>;

/** One configuration in which every scenario has a route, receivers and inhibition rules of its own. */
export function configurationOf(scenarios: readonly Scenario[], hooks: string): string {
  return stringify({
    route: {
      receiver: 'nobody',
      group_wait: '1s',
      group_interval: '2s',
      repeat_interval: '5s',
      group_by: ['alertname'],
      routes: scenarios.map((scenario, i) => ({
        receiver: `${i}-main`,
        matchers: [`scenario="${i}"`],
        ...(parse(scenario.route ?? '{}') as Yaml),
        routes: ((parse(scenario.routes ?? '[]') ?? []) as Yaml[]).map((child) => named(child, i)),
      })),
    },
    time_intervals: [
      { name: 'always', time_intervals: [{}] },
      { name: 'never', time_intervals: [{ years: ['1999'] }] },
    ],
    inhibit_rules: scenarios.flatMap(({ inhibit = [] }, i) =>
      inhibit.map((rule) => ofScenario(parse(`{${rule}}`) as Yaml, i)),
    ),
    receivers: [{ name: 'nobody' }, ...scenarios.flatMap((scenario, i) => receiversOf(scenario, i, hooks))],
  });
}

function named(route: Yaml, i: number): Yaml {
  const children = (route.routes ?? []) as Yaml[];
  return { ...route, receiver: `${i}-${route.receiver as string}`, routes: children.map((child) => named(child, i)) };
}

function ofScenario(rule: Yaml, i: number): Yaml {
  const matchers = (key: string): string[] => [...((rule[key] ?? []) as string[]), `scenario="${i}"`];
  return { ...rule, source_matchers: matchers('source_matchers'), target_matchers: matchers('target_matchers') };
}

function receiversOf({ receivers = {} }: Scenario, i: number, hooks: string): Yaml[] {
  return Object.entries({ main: [''], ...receivers }).map(([name, settings]) => ({
    name: `${i}-${name}`,
    webhook_configs: settings.map((text, j) => {
      const { path = 'hook', ...rest } = (parse(text || '{}') ?? {}) as Yaml;
      return { url: `${hooks}/${i}/${name}/${j}/${path as string}`, ...rest };
    }),
  }));
}

/** Scenarios begin one after the other, so that not all send in the same moment. */
export const STAGGER_MS = 60;

/** Does the steps of all scenarios to all senders, each at its time. @returns when the last has had `seconds` */
export async function play(scenarios: readonly Scenario[], senders: readonly Sender[], seconds: number): Promise<void> {
  for (const { url } of senders) await post(`${url}/api/v2/alerts`, [{ labels: { alertname: 'first' } }]);
  const start = Date.now();
  const silences = new Map<string, string[]>();
  const done = scenarios.flatMap(({ steps }, i) => {
    const begin = start + i * STAGGER_MS;
    return steps.map(async (step) => {
      await until(begin + step.at * 1000);
      await Promise.all(senders.map((sender) => take(sender, step, i, begin, silences)));
    });
  });
  await Promise.all([...done, until(start + scenarios.length * STAGGER_MS + seconds * 1000)]);
}

async function take(
  { url, name }: Sender,
  step: Step,
  i: number,
  begin: number,
  silences: Map<string, string[]>,
): Promise<void> {
  const scenario = String(i);
  const time = (seconds: number): string => new Date(begin + seconds * 1000).toISOString();
  const key = `${name} ${i}`;
  if ('fire' in step) {
    const startsAt = time(step.at + (step.since ?? 0));
    const endsAt = time(step.at + (step.for ?? 300));
    await post(`${url}/api/v2/alerts`, [{ labels: { ...step.fire, scenario }, startsAt, endsAt }]);
  } else if ('resolve' in step) {
    const endsAt = time(step.at);
    await post(`${url}/api/v2/alerts`, [{ labels: { ...step.resolve, scenario }, startsAt: time(-1), endsAt }]);
  } else if ('silence' in step) {
    const matchers = Object.entries({ ...step.silence, scenario }).map(([label, value]) => ({
      ...{ name: label, value, isRegex: false, isEqual: true },
    }));
    const times = { startsAt: time(step.from ?? step.at), endsAt: time(step.until) };
    const answer = await post(`${url}/api/v2/silences`, { matchers, ...times, createdBy: 'me', comment: 'c' });
    const { silenceID } = (await answer.json()) as { silenceID: string };
    silences.set(key, [...(silences.get(key) ?? []), silenceID]);
  } else {
    for (const id of silences.get(key) ?? []) await fetch(`${url}/api/v2/silence/${id}`, { method: 'DELETE' });
  }
}

async function post(url: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

export function until(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, time - Date.now())));
}
