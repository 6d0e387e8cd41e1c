import { ENTRY_HELP, ENTRY_TYPE, ENTRY_UNIT, type Entry } from '@avalanche/exposition';
import type { MetricType } from '@avalanche/tsdb';

export interface MetricMetadata {
  type: MetricType;
  help: string;
  unit: string;
}

interface Family extends MetricMetadata {
  /** The scrapes in which the body last said something of it, and said something else. */
  seenIn: number;
  changedIn: number;
}

/** Upstream forgets a family that has been away for so many scrapes. */
const SCRAPES_KEPT = 10;

/**
 * What a target says of its metric families. A body whose comments are those of the last one is not read for them, so
 * that a family is missed only by a scrape that reads all: one is asked for when families may have gone.
 */
export class FamilyMetadata {
  private readonly families = new Map<string, Family>();
  private scrape = 0;
  /** The last scrape in which a family came, changed or moved. */
  private changedIn = 0;
  private readAll = false;

  get size(): number {
    return this.families.size;
  }

  /** Bytes of what is known, as upstream counts them. */
  get bytes(): number {
    let bytes = 0;
    for (const { type, help, unit } of this.families.values()) bytes += type.length + help.length + unit.length;
    return bytes;
  }

  get(family: string): MetricMetadata | undefined {
    return this.families.get(family);
  }

  entries(): IterableIterator<readonly [family: string, metadata: MetricMetadata]> {
    return this.families.entries();
  }

  /** @returns whether this scrape must read all comments */
  begin(): boolean {
    this.scrape++;
    this.readAll = this.changedIn > 0 && this.scrape - this.changedIn > SCRAPES_KEPT;
    return this.readAll;
  }

  /** Takes a comment. @returns whether it says something else than before */
  describe(entry: Entry, name: string, text: string): boolean {
    let family = this.families.get(name);
    if (!family) {
      family = { type: 'unknown', help: '', unit: '', seenIn: 0, changedIn: 0 };
      this.families.set(name, family);
    }
    const type = (text === 'untyped' ? 'unknown' : text) as MetricType;
    const changed =
      (entry === ENTRY_TYPE && family.type !== type) ||
      (entry === ENTRY_HELP && family.help !== text) ||
      (entry === ENTRY_UNIT && family.unit !== text);
    if (entry === ENTRY_TYPE) family.type = type;
    else if (entry === ENTRY_HELP) family.help = text;
    else if (entry === ENTRY_UNIT) family.unit = text;
    if (changed) family.changedIn = this.scrape;
    family.seenIn = this.scrape;
    if (!this.readAll) this.changedIn = this.scrape;
    return changed;
  }

  /** Ends a good scrape. */
  end(): void {
    if (!this.readAll) return;
    for (const [name, { seenIn }] of this.families) if (seenIn !== this.scrape) this.families.delete(name);
    this.changedIn = 0;
    this.readAll = false;
  }

  /** The family of a metric, by the suffixes that its type allows; undefined where none is known. */
  familyOf(metric: string): readonly [name: string, metadata: MetricMetadata, isChanged: boolean] | undefined {
    for (const suffix of SUFFIXES) {
      if (!metric.endsWith(suffix)) continue;
      const name = metric.slice(0, metric.length - suffix.length);
      const family = this.families.get(name);
      if (family && (suffix === '' || MEMBERS[family.type]?.includes(suffix))) {
        return [name, family, family.changedIn === this.scrape];
      }
    }
    return undefined;
  }
}

const SUFFIXES = ['', '_total', '_bucket', '_sum', '_count', '_gsum', '_gcount', '_info'];
const MEMBERS: Readonly<Partial<Record<MetricType, readonly string[]>>> = {
  counter: ['_total'],
  histogram: ['_bucket', '_sum', '_count'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['_sum', '_count'],
  info: ['_info'],
};
