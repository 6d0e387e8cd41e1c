import { type FamilyType, FamilyWriter } from '@avalanche/exposition';
import type { Registry } from 'prom-client';
import type { RunRegistry } from './registry/registry.ts';

interface RegisteredFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly {
    readonly value: number;
    readonly metricName?: string;
    readonly labels: Readonly<Record<string, string | number>>;
  }[];
}

/** What an application has and a server of reports has not. */
const OF_APPLICATIONS = /^(?:http|database|avalanche_application)_/;

/** The families of a prom-client registry, where those that were pushed can join them. */
export async function ownFamilies(registry: Registry): Promise<FamilyWriter> {
  const writer = new FamilyWriter();
  for (const family of (await registry.getMetricsAsJSON()) as unknown as RegisteredFamily[]) {
    if (OF_APPLICATIONS.test(family.name)) continue;
    const sink = writer.family(family.name, family.type as FamilyType, family.help);
    for (const { value, metricName, labels } of family.values) {
      const texts = Object.fromEntries(Object.entries(labels).map(([name, label]) => [name, boundText(name, label)]));
      sink.add(value, texts, metricName?.startsWith(family.name) ? metricName.slice(family.name.length) : '');
    }
  }
  return writer;
}

function boundText(name: string, value: string | number): string {
  return name === 'le' && value === Infinity ? '+Inf' : String(value);
}

/** How scheduled jobs stand. */
export function writeSchedules(writer: FamilyWriter, registry: RunRegistry): void {
  const next = writer.gauge('job_schedule_next_timestamp_seconds', 'When the job is due next.');
  const missed = writer.gauge(
    'job_schedule_missed',
    '1 where no run of the job has succeeded since it was due, and its grace is over.',
  );
  const due = writer.gauge('job_schedule_missed_timestamp_seconds', 'When the job that was missed was due.');
  for (const { schedule, status } of registry.schedulesNow()) {
    const labels = { kind: schedule.kind, name: schedule.name };
    missed.add(status.missedAt === null ? 0 : 1, labels);
    if (status.nextAt !== null) next.add(status.nextAt / 1000, labels);
    if (status.missedAt !== null) due.add(status.missedAt / 1000, labels);
  }
}
