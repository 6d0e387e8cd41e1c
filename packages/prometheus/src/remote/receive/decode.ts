import { ProtoReader } from '@avalanche/model';
import { readHistogram } from '../proto/histogram.ts';
import { readLabel } from '../proto/label.ts';
import { V1, V2 } from '../proto/messages.ts';
import { ReceivedSeries } from './series.ts';

/**
 * The series of a `prometheus.WriteRequest`, one after the other in the same object. Metadata is passed over, as
 * upstream passes it over.
 * @throws ProtoError where the bytes are no such message; series may have been given out before
 */
export function* decodeV1(bytes: Uint8Array): Generator<ReceivedSeries> {
  const reader = new ProtoReader(bytes);
  const series = new ReceivedSeries();
  while (reader.next()) {
    if (reader.field !== V1.request.timeseries) {
      reader.skip();
      continue;
    }
    series.reset();
    reader.isIllFormed = false;
    const outer = reader.enter();
    while (reader.next()) readSeriesFieldV1(reader, series);
    reader.leave(outer);
    series.isIllFormed = reader.isIllFormed;
    yield series;
  }
}

/** The symbols of a request 2.0, wherever they stand in it. @throws ProtoError */
export function decodeSymbols(bytes: Uint8Array): { readonly symbols: string[]; readonly illFormed: Set<number> } {
  const reader = new ProtoReader(bytes);
  const symbols: string[] = [];
  const illFormed = new Set<number>();
  while (reader.next()) {
    if (reader.field !== V2.request.symbols) {
      reader.skip();
      continue;
    }
    reader.isIllFormed = false;
    symbols.push(reader.string());
    if (reader.isIllFormed) illFormed.add(symbols.length - 1);
  }
  return { symbols, illFormed };
}

/** The series of an `io.prometheus.write.v2.Request`, as `decodeV1` gives them. @throws ProtoError */
export function* decodeV2(bytes: Uint8Array): Generator<ReceivedSeries> {
  const reader = new ProtoReader(bytes);
  const series = new ReceivedSeries();
  while (reader.next()) {
    if (reader.field !== V2.request.timeseries) {
      reader.skip();
      continue;
    }
    series.reset();
    const outer = reader.enter();
    while (reader.next()) readSeriesFieldV2(reader, series);
    reader.leave(outer);
    yield series;
  }
}

function readSeriesFieldV1(reader: ProtoReader, series: ReceivedSeries): void {
  const { field } = reader;
  if (field === V1.series.labels) readLabel(reader, series.pairs);
  else if (field === V1.series.samples) readSample(reader, series, V1.sample.timestamp, 0);
  else if (field === V1.series.exemplars) readExemplarV1(reader, series);
  else if (field === V1.series.histograms) series.histograms.push(readHistogram(reader));
  else reader.skip();
}

function readSeriesFieldV2(reader: ProtoReader, series: ReceivedSeries): void {
  const { field } = reader;
  if (field === V2.series.labelRefs) reader.uint64s(series.labelRefs);
  else if (field === V2.series.samples) readSample(reader, series, V2.sample.timestamp, V2.sample.startTimestamp);
  else if (field === V2.series.exemplars) readExemplarV2(reader, series);
  else if (field === V2.series.metadata) readMetadata(reader, series);
  else if (field === V2.series.histograms) series.histograms.push(readHistogram(reader));
  else reader.skip();
}

/** A sample has the same first fields in both. */
function readSample(reader: ProtoReader, series: ReceivedSeries, timeField: number, startField: number): void {
  const i = series.add();
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === V1.sample.value) {
      reader.bits64();
      series.bits[2 * i] = reader.low;
      series.bits[2 * i + 1] = reader.high;
    } else if (reader.field === timeField) series.times[i] = reader.int64();
    else if (reader.field === startField) series.startTimes[i] = reader.int64();
    else reader.skip();
  }
  reader.leave(outer);
}

function readExemplarV1(reader: ProtoReader, series: ReceivedSeries): void {
  const pairs: string[] = [];
  let value = 0;
  let time = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === V1.exemplar.labels) readLabel(reader, pairs);
    else if (reader.field === V1.exemplar.value) value = reader.double();
    else if (reader.field === V1.exemplar.timestamp) time = reader.int64();
    else reader.skip();
  }
  reader.leave(outer);
  series.exemplars.push({ pairs, labelRefs: [], value, time });
}

function readExemplarV2(reader: ProtoReader, series: ReceivedSeries): void {
  const labelRefs: number[] = [];
  let value = 0;
  let time = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === V2.exemplar.labelRefs) reader.uint64s(labelRefs);
    else if (reader.field === V2.exemplar.value) value = reader.double();
    else if (reader.field === V2.exemplar.timestamp) time = reader.int64();
    else reader.skip();
  }
  reader.leave(outer);
  series.exemplars.push({ pairs: [], labelRefs, value, time });
}

function readMetadata(reader: ProtoReader, series: ReceivedSeries): void {
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === V2.metadata.type) series.metricType = reader.uint64();
    else if (reader.field === V2.metadata.helpRef) series.helpRef = reader.uint64();
    else if (reader.field === V2.metadata.unitRef) series.unitRef = reader.uint64();
    else reader.skip();
  }
  reader.leave(outer);
}
