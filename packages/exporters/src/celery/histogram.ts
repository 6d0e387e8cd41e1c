import type { SampleSink } from '@avalanche/exposition';

/** Upper bounds of a histogram's buckets, without the infinite one, with the texts that Python's client prints for them. */
export class Buckets {
  readonly bounds: readonly number[];
  /** `le="…"`, the infinite one at the end. */
  readonly labels: readonly string[];

  /** @param bounds in any order; an infinite one may be among them */
  constructor(bounds: readonly number[]) {
    this.bounds = [...new Set(bounds)].filter(Number.isFinite).sort((a, b) => a - b);
    const texts = this.bounds.map((bound) => (Number.isInteger(bound) ? bound.toFixed(1) : String(bound)));
    this.labels = [...texts, '+Inf'].map((text) => `le="${text}"`);
  }
}

/** The labels of a histogram as text, but for `le`, which stands between them. */
export interface BucketLabels {
  /** Up to where `le` stands: `{hostname="h",` */
  readonly before: string;
  /** From there: `,name="n"}` */
  readonly after: string;
  /** Without `le`. */
  readonly whole: string;
}

export class Histogram {
  private readonly counts: number[];
  private sum = 0;

  constructor(private readonly buckets: Buckets) {
    this.counts = new Array<number>(buckets.bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const at = this.buckets.bounds.findIndex((bound) => value <= bound);
    this.counts[at < 0 ? this.buckets.bounds.length : at]++;
    this.sum += value;
  }

  write(family: SampleSink, labels: BucketLabels): void {
    let total = 0;
    for (let i = 0; i < this.counts.length; i++) {
      total += this.counts[i];
      family.addRendered(total, labels.before + this.buckets.labels[i] + labels.after, '_bucket');
    }
    family.addRendered(this.sum, labels.whole, '_sum').addRendered(total, labels.whole, '_count');
  }
}
