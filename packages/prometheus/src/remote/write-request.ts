import { type Labels, ProtoWriter } from '@avalanche/model';
import { METRIC_TYPES, V1, V2, WRITE_V1, type WriteMessage } from './proto/messages.ts';
import { compressSnappy } from './proto/snappy.ts';

/** One sample of one series that is sent once, outside of any queue. */
export interface PushedSeries {
  readonly labels: Labels;
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly family: {
    readonly name: string;
    readonly type: (typeof METRIC_TYPES)[number];
    readonly help: string;
  };
}

/** A request of remote write, compressed, with the metadata of the families: what `promtool push metrics` sends. */
export function encodeWriteRequest(series: readonly PushedSeries[], message: WriteMessage): Uint8Array {
  const writer = new ProtoWriter();
  if (message === WRITE_V1) putV1(writer, series);
  else putV2(writer, series);
  return compressSnappy(writer.written);
}

function putV1(writer: ProtoWriter, all: readonly PushedSeries[]): void {
  for (const { labels, value, time } of all) {
    const series = writer.begin(V1.request.timeseries);
    for (const [name, text] of labels.entries()) {
      const label = writer.begin(V1.series.labels);
      writer.string(V1.label.name, name);
      writer.string(V1.label.value, text);
      writer.end(label);
    }
    const sample = writer.begin(V1.series.samples);
    writer.double(V1.sample.value, value);
    writer.int64(V1.sample.timestamp, time);
    writer.end(sample);
    writer.end(series);
  }
  const families = new Map(all.map(({ family }) => [family.name, family]));
  for (const { name, type, help } of families.values()) {
    const metadata = writer.begin(V1.request.metadata);
    writer.int64(V1.metadata.type, METRIC_TYPES.indexOf(type));
    writer.string(V1.metadata.family, name);
    writer.string(V1.metadata.help, help);
    writer.end(metadata);
  }
}

function putV2(writer: ProtoWriter, all: readonly PushedSeries[]): void {
  const symbols = new Map<string, number>([['', 0]]);
  const ref = (text: string): number => {
    const known = symbols.get(text) ?? symbols.size;
    symbols.set(text, known);
    return known;
  };
  for (const { labels, value, time, family } of all) {
    const series = writer.begin(V2.request.timeseries);
    writer.uint64s(V2.series.labelRefs, [...labels.entries()].flat().map(ref));
    const sample = writer.begin(V2.series.samples);
    writer.double(V2.sample.value, value);
    writer.int64(V2.sample.timestamp, time);
    writer.end(sample);
    const metadata = writer.begin(V2.series.metadata);
    writer.int64(V2.metadata.type, METRIC_TYPES.indexOf(family.type));
    writer.int64(V2.metadata.helpRef, ref(family.help));
    writer.end(metadata);
    writer.end(series);
  }
  for (const text of symbols.keys()) writer.element(V2.request.symbols, text);
}
