import type { FamilyType, FamilyWriter, MetricFamily } from '@avalanche/exposition';
import { renderLabels } from '@avalanche/exposition';
import { type Clock, compareStrings, Slices } from '@avalanche/model';
import { checkFamily, invalid, PUSH_FAILURE_TIME, PUSH_TIME } from './consistency.ts';
import { readGroups, writeGroups } from './group-file.ts';
import { type Grouping, groupingKey, PushError } from './grouping.ts';
import { KeptFamily } from './kept-family.ts';
import { SeriesIndex } from './series-index.ts';

const PUSH_HELP = 'Last Unix time when changing this group in the Pushgateway succeeded.';
const FAILURE_HELP = 'Last Unix time when changing this group in the Pushgateway failed.';

/** More groups are refused: a job that invents groupings must not take the memory. */
const GROUPS_MAX = 100_000;

/** What was pushed with one grouping. It does not change: a push puts another in its place. */
export interface PushedGroup {
  readonly grouping: Grouping;
  /** Milliseconds; 0: never. */
  readonly pushedAt: number;
  readonly failedAt: number;
  /** Whether the last push failed: both may be of one millisecond, and the clock may be set back. */
  readonly hasFailed: boolean;
  /** When it is forgotten, in milliseconds; 0: never. */
  readonly expiresAt: number;
  readonly families: ReadonlyMap<string, KeptFamily>;
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

/**
 * The metrics that jobs pushed, by group, as the Pushgateway keeps them; and they may expire. One change is made after the
 * other, and lets other work go on: whoever reads meanwhile sees all of it or nothing.
 */
export class PushedMetrics {
  private readonly groups = new Map<string, PushedGroup>();
  /** Of whole changes; read and changed by changes only. */
  private readonly index = new SeriesIndex();
  private changing: Promise<unknown> = Promise.resolve();
  private isDirty = false;
  private saving: Promise<void> = Promise.resolve();

  private constructor(private readonly options: PushedMetricsOptions) {}

  /** @throws Error where the file is there and cannot be read */
  static async open(options: PushedMetricsOptions): Promise<PushedMetrics> {
    const pushed = new PushedMetrics(options);
    if (options.file !== '')
      for (const saved of readGroups(options.file)) {
        const families = new Map<string, KeptFamily>();
        for (const { family, pushedAt } of saved.families) {
          families.set(family.name, await new Slices().run(KeptFamily.of(family, saved.grouping, pushedAt)));
        }
        await pushed.put(groupingKey(saved.grouping), {
          ...saved,
          hasFailed: saved.hasFailed ?? saved.failedAt > saved.pushedAt,
          families,
        });
      }
    return pushed;
  }

  list(): PushedGroup[] {
    return [...this.groups.values()];
  }

  /** @throws PushError, after which the group is as before, but for the time of the failure */
  push(push: Push): Promise<void> {
    return this.change(() => this.pushNow(push));
  }

  remove(grouping: Grouping): Promise<void> {
    return this.change(() => this.drop(groupingKey(grouping)));
  }

  wipe(): Promise<void> {
    return this.change(async () => {
      this.isDirty = true;
      this.groups.clear();
      this.index.clear();
    });
  }

  forgetExpired(): Promise<void> {
    return this.change(async () => {
      const now = this.options.clock.now();
      for (const [key, { expiresAt }] of this.groups) if (expiresAt !== 0 && expiresAt <= now) await this.drop(key);
    });
  }

  /** Lets other work go on. */
  write(writer: FamilyWriter): Promise<void> {
    return new Slices().run(this.writing(writer));
  }

  private *writing(writer: FamilyWriter): Generator<void, void> {
    const pushTimes = writer.gauge(PUSH_TIME, PUSH_HELP);
    const failureTimes = writer.gauge(PUSH_FAILURE_TIME, FAILURE_HELP);
    for (const { grouping, families, pushedAt, failedAt } of this.list()) {
      const labels = renderLabels(sorted({ instance: '', ...grouping }));
      pushTimes.addRendered(pushedAt / 1000, labels);
      failureTimes.addRendered(failedAt / 1000, labels);
      for (const kept of families.values()) {
        const sink = writer.family(kept.name, kept.type, kept.family.help ?? '');
        for (const lines of yield* kept.rendered()) sink.addLines(lines);
      }
      yield;
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
      await writeGroups(file, this.list());
    } catch (error) {
      this.isDirty = true;
      throw error;
    }
  }

  /** Makes a change when those before it are made. */
  private change(make: () => Promise<void>): Promise<void> {
    const changed = this.changing.then(make, make);
    this.changing = changed;
    return changed;
  }

  private async pushNow(push: Push): Promise<void> {
    const { grouping, ttlMs, replace } = push;
    const now = this.options.clock.now();
    const key = groupingKey(grouping);
    const before = this.groups.get(key);
    if (!before && this.groups.size >= GROUPS_MAX) throw new PushError(`there are ${GROUPS_MAX} groups already`);
    const expiresAt = ttlMs === 0 ? 0 : now + ttlMs;
    try {
      const families = new Map(replace ? [] : before?.families);
      const slices = new Slices();
      for (const family of push.families)
        families.set(family.name, await slices.run(KeptFamily.of(family, grouping, now)));
      await slices.run(this.checking(key, push, families));
      const failedAt = before?.failedAt ?? 0;
      await this.put(key, { grouping, pushedAt: now, failedAt, hasFailed: false, expiresAt, families });
    } catch (error) {
      const empty = { grouping, pushedAt: 0, expiresAt, families: new Map<string, KeptFamily>() };
      await this.put(key, { ...(before ?? empty), failedAt: now, hasFailed: true });
      throw error;
    }
  }

  private *checking(key: string, push: Push, families: ReadonlyMap<string, KeptFamily>): Generator<void, void> {
    for (const { metrics } of push.families) {
      for (const { timeMs } of metrics) {
        if (timeMs !== 0) throw invalid('pushed metrics must not have timestamps');
        yield;
      }
    }
    if (!push.check) return;
    const { index, options } = this;
    const around = { key, families, index, ownType: options.ownType };
    for (const { name } of push.families) yield* checkFamily(families.get(name) as KeptFamily, around);
  }

  /** Puts a group in the place of what was there with its key: at once, and then in the index. */
  private async put(key: string, group: PushedGroup): Promise<void> {
    const before = this.groups.get(key);
    this.groups.set(key, group);
    this.isDirty = true;
    const slices = new Slices();
    for (const [name, kept] of before?.families ?? []) {
      if (group.families.get(name) !== kept) await slices.run(this.index.remove(key, kept));
    }
    for (const [name, kept] of group.families) {
      if (before?.families.get(name) !== kept) await slices.run(this.index.add(key, kept));
    }
  }

  private async drop(key: string): Promise<void> {
    const group = this.groups.get(key);
    if (!group) return;
    this.groups.delete(key);
    this.isDirty = true;
    const slices = new Slices();
    for (const kept of group.families.values()) await slices.run(this.index.remove(key, kept));
  }
}

function sorted(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => compareStrings(a, b)));
}
