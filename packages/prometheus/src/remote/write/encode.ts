import { ProtoWriter } from '@avalanche/model';
import type { SeriesMetadata } from '@avalanche/tsdb';
import { writeHistogram } from '../proto/histogram.ts';
import { METRIC_TYPES, V1, V2, WRITE_V1, type WriteMessage } from '../proto/messages.ts';
import type { Batch, PendingExemplar, PendingHistogram } from './batch.ts';
import { putLabels, type RemoteSeries } from './series.ts';

/** A family of metrics, as 1.0 sends metadata. */
export interface MetadataEntry extends SeriesMetadata {
  readonly family: string;
}

/** What of a batch is in a request. */
export interface EncodedCounts {
  samples: number;
  histograms: number;
  exemplars: number;
  /** Older than was allowed. */
  oldSamples: number;
  oldHistograms: number;
  oldExemplars: number;
  /** Milliseconds since the epoch; infinite where there is none. */
  lowest: number;
  highest: number;
}

const NONE = { samples: 0, histograms: 0, exemplars: 0, oldSamples: 0, oldHistograms: 0, oldExemplars: 0 };

/** Turns batches into requests: the samples of a series come together, series in the order of their first samples. */
export class BatchEncoder {
  readonly counts: EncodedCounts = {
    ...NONE,
    lowest: Number.POSITIVE_INFINITY,
    highest: Number.NEGATIVE_INFINITY,
  };
  private readonly writer = new ProtoWriter();
  private readonly symbols = new Map<string, number>();
  private readonly symbolWriter = new ProtoWriter(4096);
  private readonly refs: number[] = [];
  private readonly groups: RemoteSeries[] = [];
  private readonly exemplarsOf = new Map<RemoteSeries, PendingExemplar[]>();
  private readonly histogramsOf = new Map<RemoteSeries, PendingHistogram[]>();

  /** @param metadataOf of a series that the log says nothing of; for 2.0 */
  constructor(
    private readonly message: WriteMessage,
    private readonly metadataOf: (series: RemoteSeries) => SeriesMetadata | undefined,
  ) {}

  /** @param timeMin what is older is left out, milliseconds since the epoch. @returns bytes valid until the next call */
  encode(batch: Batch, timeMin: number): Uint8Array {
    this.group(batch, timeMin);
    this.writer.reset();
    if (this.message === WRITE_V1) for (const series of this.groups) this.putSeriesV1(batch, series);
    else this.encodeV2(batch);
    this.groups.length = 0;
    this.exemplarsOf.clear();
    this.histogramsOf.clear();
    return this.writer.written;
  }

  /** A request of 1.0 with nothing but metadata. */
  encodeMetadata(families: readonly MetadataEntry[]): Uint8Array {
    const { writer } = this;
    writer.reset();
    for (const { family, type, unit, help } of families) {
      const start = writer.begin(V1.request.metadata);
      writer.int64(V1.metadata.type, METRIC_TYPES.indexOf(type));
      writer.string(V1.metadata.family, family);
      writer.string(V1.metadata.help, help);
      writer.string(V1.metadata.unit, unit);
      writer.end(start);
    }
    return writer.written;
  }

  /** Links the samples of each series, and counts. */
  private group(batch: Batch, timeMin: number): void {
    const mark = nextMark++;
    const { counts, groups } = this;
    const { times, next, series: all } = batch;
    Object.assign(counts, NONE);
    let lowest = Number.POSITIVE_INFINITY;
    let highest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < batch.length; i++) {
      const time = times[i];
      if (time < timeMin) {
        counts.oldSamples++;
        continue;
      }
      if (time < lowest) lowest = time;
      if (time > highest) highest = time;
      const series = all[i];
      next[i] = -1;
      if (series.mark === mark) next[series.last] = i;
      else {
        series.mark = mark;
        series.first = i;
        groups.push(series);
      }
      series.last = i;
      counts.samples++;
    }
    counts.lowest = lowest;
    counts.highest = highest;
    for (const histogram of batch.histograms) {
      if (histogram.time < timeMin) counts.oldHistograms++;
      else {
        counts.histograms++;
        this.groupOther(this.histogramsOf, histogram, mark);
      }
    }
    for (const exemplar of batch.exemplars) {
      if (exemplar.time < timeMin) counts.oldExemplars++;
      else {
        counts.exemplars++;
        this.groupOther(this.exemplarsOf, exemplar, mark);
      }
    }
  }

  /** Puts what is no sample beside the samples of its series. */
  private groupOther<T extends { readonly series: RemoteSeries; readonly time: number }>(
    of: Map<RemoteSeries, T[]>,
    item: T,
    mark: number,
  ): void {
    const { series, time } = item;
    const { counts } = this;
    counts.lowest = Math.min(counts.lowest, time);
    counts.highest = Math.max(counts.highest, time);
    if (series.mark !== mark) {
      series.mark = mark;
      series.first = -1;
      this.groups.push(series);
    }
    const known = of.get(series);
    if (known) known.push(item);
    else of.set(series, [item]);
  }

  private putSeriesV1(batch: Batch, series: RemoteSeries): void {
    const { writer } = this;
    const { next, bits, times } = batch;
    const start = writer.begin(V1.request.timeseries);
    writer.raw(series.encoded as Uint8Array);
    for (let i = series.first; i >= 0; i = next[i]) {
      const sample = writer.begin(V1.series.samples);
      writer.bits64(V1.sample.value, bits[2 * i], bits[2 * i + 1]);
      writer.int64(V1.sample.timestamp, times[i]);
      writer.end(sample);
    }
    this.putHistograms(V1.series.histograms, series, false);
    for (const { labels, low, high, time } of this.exemplarsOf.get(series) ?? []) {
      const exemplar = writer.begin(V1.series.exemplars);
      putLabels(writer, V1.exemplar.labels, labels);
      writer.bits64(V1.exemplar.value, low, high);
      writer.int64(V1.exemplar.timestamp, time);
      writer.end(exemplar);
    }
    writer.end(start);
  }

  /** Symbols stand first, and are known last. */
  private encodeV2(batch: Batch): void {
    const { writer, symbolWriter } = this;
    this.symbols.clear();
    symbolWriter.reset();
    this.symbol('');
    for (const series of this.groups) this.putSeriesV2(batch, series);
    const length = writer.length;
    writer.raw(symbolWriter.written);
    writer.moveToFront(length);
  }

  private symbol(text: string): number {
    let ref = this.symbols.get(text);
    if (ref === undefined) {
      ref = this.symbols.size;
      this.symbols.set(text, ref);
      this.symbolWriter.element(V2.request.symbols, text);
    }
    return ref;
  }

  private symbolsOf(pairs: readonly string[]): readonly number[] {
    const { refs } = this;
    refs.length = 0;
    for (const text of pairs) refs.push(this.symbol(text));
    return refs;
  }

  private putSeriesV2(batch: Batch, series: RemoteSeries): void {
    const { writer } = this;
    const { next, bits, times, starts } = batch;
    const start = writer.begin(V2.request.timeseries);
    writer.uint64s(V2.series.labelRefs, this.symbolsOf(series.pairs as readonly string[]));
    for (let i = series.first; i >= 0; i = next[i]) {
      const sample = writer.begin(V2.series.samples);
      writer.bits64(V2.sample.value, bits[2 * i], bits[2 * i + 1]);
      writer.int64(V2.sample.timestamp, times[i]);
      if (starts !== null) writer.int64(V2.sample.startTimestamp, starts[i]);
      writer.end(sample);
    }
    this.putHistograms(V2.series.histograms, series, true);
    for (const { labels, low, high, time } of this.exemplarsOf.get(series) ?? []) {
      const exemplar = writer.begin(V2.series.exemplars);
      writer.uint64s(V2.exemplar.labelRefs, this.symbolsOf(labels.pairs));
      writer.bits64(V2.exemplar.value, low, high);
      writer.int64(V2.exemplar.timestamp, time);
      writer.end(exemplar);
    }
    this.putMetadata(series.metadata ?? this.metadataOf(series));
    writer.end(start);
  }

  private putHistograms(field: number, series: RemoteSeries, withStarts: boolean): void {
    if (this.histogramsOf.size === 0) return;
    for (const { time, histogram, start } of this.histogramsOf.get(series) ?? []) {
      writeHistogram(this.writer, field, { time, histogram, start: withStarts ? start : 0 });
    }
  }

  private putMetadata(metadata: SeriesMetadata | undefined): void {
    if (!metadata) return;
    const { writer } = this;
    const start = writer.begin(V2.series.metadata);
    writer.int64(V2.metadata.type, METRIC_TYPES.indexOf(metadata.type));
    writer.int64(V2.metadata.helpRef, this.symbol(metadata.help));
    writer.int64(V2.metadata.unitRef, this.symbol(metadata.unit));
    writer.end(start);
  }
}

/** Batches of all queues are told apart by it: series remember the one that they were last in. */
let nextMark = 0;
