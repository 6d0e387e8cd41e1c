import { Labels, METRIC_NAME, ProtoWriter } from '@avalanche/model';
import type { SeriesMetadata } from '@avalanche/tsdb';
import { type NameScheme, type RelabelRule, relabel } from '../../relabel.ts';
import { V1, WRITE_V1, type WriteMessage } from '../proto/messages.ts';

/** A series as it is sent. */
export interface RemoteSeries {
  /** Of 1.0: its label fields, encoded. */
  readonly encoded: Uint8Array | null;
  /** Of 2.0: names and values in turn; null where only `encoded` is needed, or where relabelling drops the series. */
  readonly pairs: readonly string[] | null;
  readonly isDropped: boolean;
  /** The last segment with a record of the series. */
  segment: number;
  /** Of 2.0. */
  metadata: SeriesMetadata | undefined;
  /** For whoever encodes a batch: the batch, and the first and last sample of the series in it. */
  mark: number;
  first: number;
  last: number;
}

export interface SeriesTableOptions {
  readonly message: WriteMessage;
  readonly externalLabels: Labels;
  readonly rules: readonly RelabelRule[];
  readonly scheme: NameScheme;
}

/** The series of one queue by what the log calls them. */
export class RemoteSeriesTable {
  private readonly byRef = new Map<number, RemoteSeries>();
  private readonly writer = new ProtoWriter(1024);
  /** Metadata of the log, each different one once. */
  private readonly metadata = new Map<string, SeriesMetadata>();

  constructor(private readonly options: SeriesTableOptions) {}

  get size(): number {
    return this.byRef.size;
  }

  get(ref: number): RemoteSeries | undefined {
    return this.byRef.get(ref);
  }

  /** Takes a record of a series. One that is known has its labels already: a reference never becomes another series'. */
  set(ref: number, labels: Labels, segment: number): void {
    const known = this.byRef.get(ref);
    if (known) known.segment = segment;
    else this.byRef.set(ref, this.make(labels, segment));
  }

  setMetadata(ref: number, { type, unit, help }: SeriesMetadata): void {
    const series = this.byRef.get(ref);
    if (!series) return;
    const key = `${type}\0${unit}\0${help}`;
    let shared = this.metadata.get(key);
    if (!shared) {
      shared = { type, unit, help };
      this.metadata.set(key, shared);
    }
    series.metadata = shared;
  }

  /** Forgets series whose last record is in a segment up to `segment`, but for `refs`. */
  forget(segment: number, refs: ReadonlySet<number>): void {
    for (const [ref, series] of this.byRef) if (series.segment <= segment && !refs.has(ref)) this.byRef.delete(ref);
  }

  private make(labels: Labels, segment: number): RemoteSeries {
    const { message, externalLabels, rules, scheme } = this.options;
    const sent = relabel(withExternal(labels, externalLabels), rules, scheme);
    const isDropped = sent === null || sent.size === 0;
    const isV1 = message === WRITE_V1;
    return {
      encoded: isV1 && !isDropped ? this.encode(sent) : null,
      pairs: isV1 || isDropped ? null : sent.pairs,
      isDropped,
      segment,
      metadata: undefined,
      mark: -1,
      first: -1,
      last: -1,
    };
  }

  private encode(labels: Labels): Uint8Array {
    this.writer.reset();
    putLabels(this.writer, V1.series.labels, labels);
    return Buffer.from(this.writer.written);
  }
}

/** Writes labels as the messages of 1.0 have them. */
export function putLabels(writer: ProtoWriter, field: number, { pairs }: Labels): void {
  for (let i = 0; i < pairs.length; i += 2) {
    const start = writer.begin(field);
    writer.string(V1.label.name, pairs[i]);
    writer.string(V1.label.value, pairs[i + 1]);
    writer.end(start);
  }
}

/** What a series says itself counts. */
function withExternal(labels: Labels, external: Labels): Labels {
  if (external.size === 0) return labels;
  return Labels.fromMap(new Map([...external.entries(), ...labels.entries()]));
}

/** The name of the metric that is sent in 2.0. */
export function metricOf({ pairs }: RemoteSeries): string {
  const at = pairs?.indexOf(METRIC_NAME) ?? -1;
  return at < 0 ? '' : (pairs as readonly string[])[at + 1];
}
