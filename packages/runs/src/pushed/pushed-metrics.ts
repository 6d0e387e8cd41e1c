import { rename, writeFile } from 'node:fs/promises';
import {
  dividerOf,
  type FamilyMetric,
  type FamilyType,
  FamilyWriter,
  type MetricFamily,
  renderLabels,
  type SampleSink,
} from '@avalanche/exposition';
import { type Clock, compareStrings, formatG, nextTurn, turnIsOver } from '@avalanche/model';
import { type Grouping, groupingKey, PushError } from './grouping.ts';

export const PUSH_TIME = 'push_time_seconds';
export const PUSH_FAILURE_TIME = 'push_failure_time_seconds';
const PUSH_HELP = 'Last Unix time when changing this group in the Pushgateway succeeded.';
const FAILURE_HELP = 'Last Unix time when changing this group in the Pushgateway failed.';

import { readIfThere } from '../read-if-there.ts';

/** More groups are refused: a job that invents groupings must not take the memory. */
const GROUPS_MAX = 100_000;

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
  private readonly index = new SeriesIndex();
  private isDirty = false;
  private saving: Promise<void> = Promise.resolve();

  /** @throws Error where the file is there and cannot be read */
  constructor(private readonly options: PushedMetricsOptions) {
    if (options.file !== '') for (const group of readGroups(options.file)) this.put(groupingKey(group.grouping), group);
  }

  list(): PushedGroup[] {
    return [...this.groups.values()];
  }

  /** @throws PushError, after which the group is as before, but for the time of the failure */
  push(push: Push): void {
    const now = this.options.clock.now();
    const key = groupingKey(push.grouping);
    const before = this.groups.get(key);
    if (!before && this.groups.size >= GROUPS_MAX) throw new PushError(`there are ${GROUPS_MAX} groups already`);
    const expiresAt = push.ttlMs === 0 ? 0 : now + push.ttlMs;
    this.isDirty = true;
    try {
      const families = new Map(push.replace ? [] : before?.families);
      for (const family of push.families)
        families.set(family.name, { family: grouped(family, push.grouping), pushedAt: now });
      this.check(key, push, families);
      this.put(key, {
        grouping: push.grouping,
        pushedAt: now,
        failedAt: before?.failedAt ?? 0,
        expiresAt,
        families,
      });
    } catch (error) {
      const empty = { grouping: push.grouping, pushedAt: 0, expiresAt, families: new Map<string, PushedFamily>() };
      this.put(key, { ...(before ?? empty), failedAt: now });
      throw error;
    }
  }

  remove(grouping: Grouping): void {
    this.isDirty = this.drop(groupingKey(grouping)) || this.isDirty;
  }

  wipe(): void {
    this.isDirty = true;
    this.groups.clear();
    this.index.clear();
  }

  forgetExpired(): void {
    const now = this.options.clock.now();
    for (const [key, { expiresAt }] of this.groups) {
      if (expiresAt === 0 || expiresAt > now) continue;
      this.drop(key);
      this.isDirty = true;
    }
  }

  /** Lets other work go on. */
  async write(writer: FamilyWriter): Promise<void> {
    const pushTimes = writer.gauge(PUSH_TIME, PUSH_HELP);
    const failureTimes = writer.gauge(PUSH_FAILURE_TIME, FAILURE_HELP);
    for (const { grouping, families, pushedAt, failedAt } of this.list()) {
      const labels = renderLabels(sorted({ instance: '', ...grouping }));
      pushTimes.addRendered(pushedAt / 1000, labels);
      failureTimes.addRendered(failedAt / 1000, labels);
      for (const { family } of families.values()) {
        writer.family(family.name, typeOf(family), family.help ?? '').addLines(linesOf(family));
      }
      if (turnIsOver()) await nextTurn();
    }
  }

  /** Writes what has changed. Lets other work go on. @throws the system's error, after which the old file is still there */
  save(): Promise<void> {
    this.saving = this.saving.catch(() => {}).then(() => this.saveNow());
    return this.saving;
  }

  private async saveNow(): Promise<void> {
    const { file } = this.options;
    if (file === '' || !this.isDirty) return;
    this.isDirty = false;
    try {
      const groups: string[] = [];
      for (const group of this.list()) {
        groups.push(JSON.stringify({ ...group, families: [...group.families.values()] }, numbersAsText));
        if (turnIsOver()) await nextTurn();
      }
      await writeFile(`${file}.tmp`, `{"version":1,"groups":[${groups.join(',\n')}]}`, { mode: 0o600 });
      await rename(`${file}.tmp`, file);
    } catch (error) {
      this.isDirty = true;
      throw error;
    }
  }

  private check(key: string, push: Push, families: ReadonlyMap<string, PushedFamily>): void {
    if (push.families.some(({ metrics }) => metrics.some(({ timeMs }) => timeMs !== 0))) {
      throw invalid('pushed metrics must not have timestamps');
    }
    if (!push.check) return;
    for (const { name } of push.families) {
      const { family } = families.get(name) as PushedFamily;
      const type = this.options.ownType(name) ?? this.index.typeBeside(key, name);
      if (name === PUSH_TIME || name === PUSH_FAILURE_TIME) throw invalid(`${name} is set by the Pushgateway itself`);
      if (type !== undefined && type !== typeOf(family)) {
        throw invalid(`collected metric ${name} should be a ${type} and is a ${typeOf(family)}`);
      }
      checkSeries(family, (series) => this.index.hasBeside(key, name, series));
    }
  }

  /** Puts a group in the place of what was there with its key. */
  private put(key: string, group: PushedGroup): void {
    const before = this.groups.get(key);
    for (const [name, { family }] of before?.families ?? []) {
      if (group.families.get(name)?.family !== family) this.index.remove(key, family);
    }
    for (const [name, { family }] of group.families) {
      if (before?.families.get(name)?.family !== family) this.index.add(key, family);
    }
    this.groups.set(key, group);
  }

  private drop(key: string): boolean {
    for (const { family } of this.groups.get(key)?.families.values() ?? []) this.index.remove(key, family);
    return this.groups.delete(key);
  }
}

/** Which group has a series, so that a push is compared with what it has itself, and not with all that was ever pushed. */
class SeriesIndex {
  private readonly families = new Map<
    string,
    { readonly types: Map<string, FamilyType>; readonly owners: Map<string, string> }
  >();

  add(group: string, family: MetricFamily): void {
    const known = this.families.get(family.name) ?? { types: new Map(), owners: new Map() };
    this.families.set(family.name, known);
    known.types.set(group, typeOf(family));
    for (const { labels } of family.metrics) known.owners.set(seriesKey(labels), group);
  }

  remove(group: string, family: MetricFamily): void {
    const known = this.families.get(family.name);
    if (!known) return;
    known.types.delete(group);
    for (const { labels } of family.metrics) {
      const series = seriesKey(labels);
      if (known.owners.get(series) === group) known.owners.delete(series);
    }
    if (known.types.size === 0) this.families.delete(family.name);
  }

  /** The type that a family has in another group. */
  typeBeside(group: string, name: string): FamilyType | undefined {
    for (const [other, type] of this.families.get(name)?.types ?? []) if (other !== group) return type;
    return undefined;
  }

  hasBeside(group: string, name: string, series: string): boolean {
    return (this.families.get(name)?.owners.get(series) ?? group) !== group;
  }

  clear(): void {
    this.families.clear();
  }
}

function seriesKey(labels: FamilyMetric['labels']): string {
  return JSON.stringify(labels);
}

function invalid(reason: string): PushError {
  return new PushError(`pushed metrics are invalid or inconsistent with existing metrics: ${reason}`);
}

function checkSeries({ name, metrics }: MetricFamily, isTaken: (series: string) => boolean): void {
  const seen = new Set<string>();
  for (const { labels } of metrics) {
    const series = seriesKey(labels);
    if (seen.has(series) || isTaken(series)) {
      const text = labels.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(',');
      throw invalid(`collected metric ${name}{${text}} was collected before with the same name and label values`);
    }
    seen.add(series);
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

/** Families do not change: what was scraped before costs no formatting again. */
const rendered = new WeakMap<MetricFamily, string>();

function linesOf(family: MetricFamily): string {
  const known = rendered.get(family);
  if (known !== undefined) return known;
  const sink = new FamilyWriter().family(family.name, typeOf(family), '');
  writeSamples(sink, family);
  const lines = [...sink.pieces()].join('');
  rendered.set(family, lines);
  return lines;
}

function writeSamples(sink: SampleSink, family: MetricFamily): void {
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

/** JSON knows no infinite numbers; no label has a name like this. */
function numbersAsText(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { $number: String(value) } : value;
}

function textAsNumbers(_key: string, value: unknown): unknown {
  const text = (value as { readonly $number?: unknown } | null)?.$number;
  return typeof value === 'object' && typeof text === 'string' ? Number(text) : value;
}

type SavedGroup = Omit<PushedGroup, 'families'> & { readonly families: readonly PushedFamily[] };

/** @throws Error that names the file */
function readGroups(file: string): PushedGroup[] {
  const text = readIfThere(file);
  if (text === undefined) return [];
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
