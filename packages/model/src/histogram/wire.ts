import type { ProtoReader } from '../protobuf/reader.ts';
import type { ProtoWriter } from '../protobuf/writer.ts';
import { type Buckets, bucketsFromSpans, spansOf } from './buckets.ts';
import { HistogramError } from './error.ts';

/** Field numbers of a `BucketSpan`, the same in every message that has histograms. */
const SPAN = { offset: 1, length: 2 } as const;

/** The buckets of one sign as protobuf messages have them; used again for the next histogram. */
export class WireBuckets {
  /** Differences to the bucket before, in histograms of integers. */
  readonly deltas: number[] = [];
  /** In histograms of floats. */
  readonly counts: number[] = [];
  private readonly spans: { offset: number; length: number }[] = [];

  get spanCount(): number {
    return this.spans.length;
  }

  /** How many buckets the spans describe. */
  get wanted(): number {
    return this.spans.reduce((sum, { length }) => sum + length, 0);
  }

  reset(): void {
    this.deltas.length = 0;
    this.counts.length = 0;
    this.spans.length = 0;
  }

  /** Adds the `BucketSpan` that the field is. @throws ProtoError */
  readSpan(reader: ProtoReader): void {
    let offset = 0;
    let length = 0;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === SPAN.offset) offset = reader.sint64();
      else if (reader.field === SPAN.length) length = reader.uint64();
      else reader.skip();
    }
    reader.leave(outer);
    this.spans.push({ offset, length });
  }

  /** @throws HistogramError where spans and counts do not fit each other */
  buckets(ofIntegers: boolean): Buckets {
    const { wanted, spans } = this;
    const counts = ofIntegers ? this.cumulated() : this.counts;
    // Before memory is taken for what a span may say.
    if (wanted === counts.length) return bucketsFromSpans(spans, counts);
    throw new HistogramError('spans-buckets-mismatch', `spans need ${wanted} buckets, have ${counts.length} buckets`);
  }

  private cumulated(): Float64Array {
    let count = 0;
    return Float64Array.from(this.deltas, (delta) => {
      count += delta;
      return count;
    });
  }
}

/** Writes the spans of a layout, as few as there can be. */
export function writeSpans(writer: ProtoWriter, field: number, indexes: Int32Array): void {
  for (const { offset, length } of spansOf(indexes)) {
    const span = writer.begin(field);
    writer.sint64(SPAN.offset, offset);
    writer.int64(SPAN.length, length);
    writer.end(span);
  }
}

/** Writes the counts of integers, each as the difference to the one before. */
export function writeDeltas(writer: ProtoWriter, field: number, { counts }: Buckets): void {
  writer.sint64s(
    field,
    counts.map((count, i) => count - (i > 0 ? counts[i - 1] : 0)),
  );
}
