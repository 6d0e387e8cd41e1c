import type { Labels, Matcher } from '@avalanche/model';

/** What a sample points at, most often a trace. */
export interface Exemplar {
  readonly labels: Labels;
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Whether the target said the time, which else is that of the scrape. */
  readonly hasTime: boolean;
}

/** What became of an exemplar. One that the series has already is taken for added. */
export type ExemplarOutcome = 'added' | 'known' | 'out of order' | 'labels too long' | 'disabled';

/** Characters of all names and values of an exemplar's labels (OpenMetrics 1.0). */
const LABEL_CHARACTERS_MAX = 128;

/** The exemplars of one series, oldest first. */
interface SeriesExemplars {
  readonly labels: Labels;
  readonly list: Exemplar[];
}

interface Entry {
  readonly exemplar: Exemplar;
  readonly series: SeriesExemplars;
}

export interface SelectedExemplars {
  readonly seriesLabels: Labels;
  readonly exemplars: readonly Exemplar[];
}

/**
 * The last exemplars of all series in one ring (upstream's CircularExemplarStorage): a new one takes the place of the
 * one that came first. They live in memory and in the write-ahead log, not in blocks.
 */
export class ExemplarStorage {
  /** How late an exemplar may be after the newest of its series, in milliseconds (`out_of_order_time_window`). */
  outOfOrderWindowMs = 0;
  /** Since the start. */
  appended = 0;
  outOfOrder = 0;
  private ring: (Entry | undefined)[];
  private next = 0;
  private readonly bySeries = new Map<string, SeriesExemplars>();

  /** @param max how many are kept; 0 or less: none, and all are refused */
  constructor(max = 0) {
    this.ring = new Array<Entry | undefined>(Math.max(0, max)).fill(undefined);
  }

  get max(): number {
    return this.ring.length;
  }

  get size(): number {
    return this.isFull ? this.ring.length : this.next;
  }

  get seriesCount(): number {
    return this.bySeries.size;
  }

  /** Seconds of the exemplar that came first; 0 where there is none. */
  get oldestSeconds(): number {
    const oldest = this.isFull ? this.ring[this.next] : this.ring[0];
    return (oldest?.exemplar.time ?? 0) / 1000;
  }

  private get isFull(): boolean {
    return this.ring.length > 0 && this.ring[this.next] !== undefined;
  }

  /** How `add` would judge an exemplar. */
  judge(series: Labels, exemplar: Exemplar): ExemplarOutcome {
    if (this.ring.length === 0) return 'disabled';
    if (charactersOf(exemplar.labels) > LABEL_CHARACTERS_MAX) return 'labels too long';
    const newest = this.bySeries.get(series.key)?.list.at(-1);
    if (!newest) return 'added';
    if (isSame(newest, exemplar)) return 'known';
    return this.isLate(newest, exemplar) ? 'out of order' : 'added';
  }

  add(series: Labels, exemplar: Exemplar): ExemplarOutcome {
    const outcome = this.judge(series, exemplar);
    if (outcome === 'out of order') this.outOfOrder++;
    if (outcome !== 'added') return outcome;
    let known = this.bySeries.get(series.key);
    const at = known ? placeOf(known.list, exemplar.time) : 0;
    const isAmid = known !== undefined && at < known.list.length;
    if (isAmid && at > 0 && known?.list[at - 1].time === exemplar.time) return 'known';
    this.drop(this.ring[this.next]);
    known = this.bySeries.get(series.key) ?? { labels: series, list: [] };
    this.bySeries.set(series.key, known);
    known.list.splice(placeOf(known.list, exemplar.time), 0, exemplar);
    this.ring[this.next] = { exemplar, series: known };
    this.next = (this.next + 1) % this.ring.length;
    this.appended++;
    return 'added';
  }

  /** Keeps the last ones as far as there is room. */
  resize(max: number): void {
    const size = Math.max(0, max);
    if (size === this.ring.length) return;
    const entries = [...this.entries()];
    const dropped = entries.splice(0, Math.max(0, entries.length - size));
    for (const entry of dropped) this.drop(entry);
    this.ring = new Array<Entry | undefined>(size).fill(undefined);
    entries.forEach((entry, i) => {
      this.ring[i] = entry;
    });
    this.next = size === 0 ? 0 : entries.length % size;
  }

  /** Exemplars in the range, both ends included, of the series that match any of the sets; in the order of labels. */
  select(minTime: number, maxTime: number, matcherSets: readonly (readonly Matcher[])[]): SelectedExemplars[] {
    const selected: SelectedExemplars[] = [];
    for (const { labels, list } of this.bySeries.values()) {
      if (list[0].time > maxTime || list[list.length - 1].time < minTime) continue;
      if (!matcherSets.some((set) => set.every((matcher) => matcher.matches(labels.get(matcher.name))))) continue;
      const exemplars = list.filter(({ time }) => time >= minTime && time <= maxTime);
      if (exemplars.length > 0) selected.push({ seriesLabels: labels, exemplars });
    }
    return selected.sort((a, b) => a.seriesLabels.compare(b.seriesLabels));
  }

  /** In the order in which they came. */
  private *entries(): Generator<Entry> {
    for (let i = 0; i < this.ring.length; i++) {
      const entry = this.ring[(this.next + i) % this.ring.length];
      if (entry) yield entry;
    }
  }

  private drop(entry: Entry | undefined): void {
    if (!entry) return;
    const { list, labels } = entry.series;
    list.splice(list.indexOf(entry.exemplar), 1);
    if (list.length === 0) this.bySeries.delete(labels.key);
  }

  private isLate(newest: Exemplar, { time, value, labels }: Exemplar): boolean {
    if (time < newest.time) return time <= newest.time - this.outOfOrderWindowMs;
    if (time > newest.time) return false;
    return value < newest.value || (value === newest.value && labels.key < newest.labels.key);
  }
}

function charactersOf(labels: Labels): number {
  let characters = 0;
  for (const text of labels.pairs) characters += [...text].length;
  return characters;
}

function isSame(a: Exemplar, b: Exemplar): boolean {
  if (a.hasTime !== b.hasTime || (a.hasTime && a.time !== b.time)) return false;
  return Object.is(a.value, b.value) && a.labels.equals(b.labels);
}

/** Behind all that are not newer. */
function placeOf(list: readonly Exemplar[], time: number): number {
  let at = list.length;
  while (at > 0 && list[at - 1].time > time) at--;
  return at;
}
