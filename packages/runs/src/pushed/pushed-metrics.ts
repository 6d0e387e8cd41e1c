import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import {
  dividerOf,
  type FamilyMetric,
  type FamilyType,
  type FamilyWriter,
  type MetricFamily,
} from '@avalanche/exposition';
import { type Clock, compareStrings, formatG } from '@avalanche/model';
import { type Grouping, groupingKey, PushError } from './grouping.ts';

export const PUSH_TIME = 'push_time_seconds';
export const PUSH_FAILURE_TIME = 'push_failure_time_seconds';
const PUSH_HELP = 'Last Unix time when changing this group in the Pushgateway succeeded.';
const FAILURE_HELP = 'Last Unix time when changing this group in the Pushgateway failed.';

/** What was pushed with one grouping. */
export interface PushedGroup {
  readonly grouping: Grouping;
  /** Milliseconds; 0: never. */
  readonly pushedAt: number;
  readonly failedAt: number;
  /** When it is forgotten, in milliseconds; 0: never. */
  readonly expiresAt: number;
  readonly families: ReadonlyMap<string, PushedFamily>;
}

export interface PushedFamily {
  readonly family: MetricFamily;
  readonly pushedAt: number;
}

export interface Push {
  readonly grouping: Grouping;
  readonly families: readonly MetricFamily[];
  /** Whether the whole group is replaced (PUT), and not only what has the same name (POST). */
  readonly replace: boolean;
  /** Whether what contradicts other groups is refused. */
  readonly check: boolean;
  /** How long it is kept, in milliseconds; 0: for ever. */
  readonly ttlMs: number;
}

export interface PushedMetricsOptions {
  /** Where it is kept over restarts; '' for nowhere. */
  readonly file: string;
  readonly clock: Clock;
  /** Type of a metric of the server's own, which a push may add series to. */
  readonly ownType: (name: string) => FamilyType | undefined;
}

/** The metrics that jobs pushed, by group, as the Pushgateway keeps them; and they may expire. */
export class PushedMetrics {
  private readonly groups = new Map<string, PushedGroup>();
  private isDirty = false;

  /** @throws Error where the file is there and cannot be read */
  constructor(private readonly options: PushedMetricsOptions) {
    if (options.file !== '')
      for (const group of readGroups(options.file)) this.groups.set(groupingKey(group.grouping), group);
  }

  list(): PushedGroup[] {
    return [...this.groups.values()];
  }

  /** @throws PushError, after which the group is as before, but for the time of the failure */
  push(push: Push): void {
    const now = this.options.clock.now();
    const key = groupingKey(push.grouping);
    const before = this.groups.get(key);
    this.isDirty = true;
    try {
      const families = new Map(push.replace ? [] : before?.families);
      for (const family of push.families)
        families.set(family.name, { family: grouped(family, push.grouping), pushedAt: now });
      this.check(key, push, families);
      const expiresAt = push.ttlMs === 0 ? 0 : now + push.ttlMs;
      this.groups.set(key, {
        grouping: push.grouping,
        pushedAt: now,
        failedAt: before?.failedAt ?? 0,
        expiresAt,
        families,
      });
    } catch (error) {
      const empty = { grouping: push.grouping, pushedAt: 0, expiresAt: 0, families: new Map<string, PushedFamily>() };
      this.groups.set(key, { ...(before ?? empty), failedAt: now });
      throw error;
    }
  }

  remove(grouping: Grouping): void {
    this.isDirty = this.groups.delete(groupingKey(grouping)) || this.isDirty;
  }

  wipe(): void {
    this.isDirty = true;
    this.groups.clear();
  }

  forgetExpired(): void {
    const now = this.options.clock.now();
    for (const [key, { expiresAt }] of this.groups) {
      if (expiresAt === 0 || expiresAt > now) continue;
      this.groups.delete(key);
      this.isDirty = true;
    }
  }

  write(writer: FamilyWriter): void {
    const pushTimes = writer.gauge(PUSH_TIME, PUSH_HELP);
    const failureTimes = writer.gauge(PUSH_FAILURE_TIME, FAILURE_HELP);
    for (const { grouping, families, pushedAt, failedAt } of this.groups.values()) {
      const labels = sorted({ instance: '', ...grouping });
      pushTimes.add(pushedAt / 1000, labels);
      failureTimes.add(failedAt / 1000, labels);
      for (const { family } of families.values()) writeFamily(writer, family);
    }
  }

  /** Writes what has changed. @throws the system's error, after which the old file is still there */
  save(): void {
    const { file } = this.options;
    if (file === '' || !this.isDirty) return;
    const groups = this.list().map((group) => ({ ...group, families: [...group.families.values()] }));
    writeFileSync(`${file}.tmp`, JSON.stringify({ version: 1, groups }, numbersAsText), { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
    this.isDirty = false;
  }

  private check(key: string, push: Push, families: ReadonlyMap<string, PushedFamily>): void {
    if (push.families.some(({ metrics }) => metrics.some(({ timeMs }) => timeMs !== 0))) {
      throw invalid('pushed metrics must not have timestamps');
    }
    if (!push.check) return;
    for (const { name } of push.families) {
      const { family } = families.get(name) as PushedFamily;
      const others = this.list().flatMap((group) =>
        groupingKey(group.grouping) === key ? [] : (group.families.get(name)?.family ?? []),
      );
      const ownType = this.options.ownType(name);
      const type = ownType ?? (others[0] && typeOf(others[0]));
      if (name === PUSH_TIME || name === PUSH_FAILURE_TIME) throw invalid(`${name} is set by the Pushgateway itself`);
      if (type !== undefined && type !== typeOf(family)) {
        throw invalid(`collected metric ${name} should be a ${type} and is a ${typeOf(family)}`);
      }
      checkSeries(name, [family, ...others]);
    }
  }
}

function invalid(reason: string): PushError {
  return new PushError(`pushed metrics are invalid or inconsistent with existing metrics: ${reason}`);
}

function checkSeries(name: string, families: readonly MetricFamily[]): void {
  const seen = new Set<string>();
  for (const { metrics } of families) {
    for (const { labels } of metrics) {
      const key = JSON.stringify(labels);
      if (seen.has(key)) {
        const text = labels.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(',');
        throw invalid(`collected metric ${name}{${text}} was collected before with the same name and label values`);
      }
      seen.add(key);
    }
  }
}

/** With the labels of the group in place of its own, and a label `instance`, so that the scrape adds none. */
function grouped(family: MetricFamily, grouping: Grouping): MetricFamily {
  return {
    ...family,
    metrics: family.metrics.map((metric) => ({
      ...metric,
      labels: Object.entries(sorted({ instance: '', ...Object.fromEntries(metric.labels), ...grouping })),
    })),
  };
}

function sorted(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => compareStrings(a, b)));
}

function typeOf({ type }: MetricFamily): FamilyType {
  if (type === 'GAUGE_HISTOGRAM') return 'histogram';
  return (type ?? 'UNTYPED').toLowerCase() as FamilyType;
}

function writeFamily(writer: FamilyWriter, family: MetricFamily): void {
  const sink = writer.family(family.name, typeOf(family), family.help ?? '');
  const divider = dividerOf(family);
  for (const metric of family.metrics) {
    const labels = Object.fromEntries(metric.labels);
    if (divider === null) {
      sink.add(metric.value, labels);
      continue;
    }
    const suffix = divider === 'le' ? '_bucket' : '';
    for (const [bound, value] of partsOf(metric, divider))
      sink.add(value, { ...labels, [divider]: formatG(bound) }, suffix);
    sink.add(metric.sum, labels, '_sum').add(metric.count, labels, '_count');
  }
}

/** A histogram's last bucket may be left out by whoever pushes. */
function partsOf({ parts, count }: FamilyMetric, divider: 'le' | 'quantile') {
  const isWhole = divider === 'quantile' || parts.some(([bound]) => bound === Infinity);
  return isWhole ? parts : [...parts, [Infinity, count] as const];
}

/** JSON knows no infinite numbers. */
function numbersAsText(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { number: String(value) } : value;
}

function textAsNumbers(_key: string, value: unknown): unknown {
  const text = (value as { readonly number?: unknown } | null)?.number;
  return typeof value === 'object' && typeof text === 'string' ? Number(text) : value;
}

type SavedGroup = Omit<PushedGroup, 'families'> & { readonly families: readonly PushedFamily[] };

/** @throws Error that names the file */
function readGroups(file: string): PushedGroup[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    const { groups } = JSON.parse(text, textAsNumbers) as { readonly groups: readonly SavedGroup[] };
    return groups.map((group) => ({
      ...group,
      families: new Map(group.families.map((pushed) => [pushed.family.name, pushed])),
    }));
  } catch {
    throw new Error(`${file} is no file of pushed metrics (one of the Go Pushgateway cannot be read)`);
  }
}
