import { ProtoReader } from '@avalanche/model';
import {
  type Attributes,
  type DenseBuckets,
  type Metric,
  type MetricKind,
  millisecondsOf,
  type OtlpExemplar,
  type Point,
  type ResourceMetrics,
  type ScopeMetrics,
  signedOf,
} from './model.ts';

/** Values within values are read so deep. */
const DEPTH_MAX = 64;
/** Flag of a point that has no value. */
const NO_RECORDED_VALUE = 1;

type Writable<T> = { -readonly [name in keyof T]: T[name] };

/** Fields of `Metric` that hold data, by number. */
const KINDS: Readonly<Record<number, MetricKind>> = {
  5: 'gauge',
  7: 'sum',
  9: 'histogram',
  10: 'exponential',
  11: 'summary',
};

/** Reads an `ExportMetricsServiceRequest`. @throws ProtoError */
export function decodeProto(bytes: Uint8Array): ResourceMetrics[] {
  const reader = new ProtoReader(bytes);
  const resources: ResourceMetrics[] = [];
  while (reader.next()) {
    if (reader.field === 1) resources.push(resourceMetrics(reader));
    else reader.skip();
  }
  return resources;
}

/** Reads the message of the field by a handler that says whether it took a field. */
function message(reader: ProtoReader, take: (field: number) => boolean | undefined): void {
  const outer = reader.enter();
  while (reader.next()) if (!take(reader.field)) reader.skip();
  reader.leave(outer);
}

function resourceMetrics(reader: ProtoReader): ResourceMetrics {
  const attributes = new Map<string, string>();
  const scopes: ScopeMetrics[] = [];
  message(reader, (field) => {
    if (field === 1) {
      message(reader, (inner) => {
        if (inner !== 1) return false;
        readAttribute(reader, attributes);
        return true;
      });
    } else if (field === 2) scopes.push(scopeMetrics(reader));
    else return false;
    return true;
  });
  return { attributes, scopes };
}

function scopeMetrics(reader: ProtoReader): ScopeMetrics {
  const attributes = new Map<string, string>();
  const scope = { name: '', version: '', schemaUrl: '', attributes };
  const metrics: Metric[] = [];
  message(reader, (field) => {
    if (field === 1) {
      message(reader, (inner) => {
        if (inner === 1) scope.name = reader.string();
        else if (inner === 2) scope.version = reader.string();
        else if (inner === 3) readAttribute(reader, attributes);
        else return false;
        return true;
      });
    } else if (field === 2) metrics.push(metric(reader));
    else if (field === 3) scope.schemaUrl = reader.string();
    else return false;
    return true;
  });
  return { ...scope, metrics };
}

function metric(reader: ProtoReader): Metric {
  const points: Point[] = [];
  const read: Writable<Metric> = {
    ...{ name: '', description: '', unit: '', kind: null, temporality: 0, isMonotonic: false, points },
  };
  message(reader, (field) => {
    const kind = KINDS[field];
    if (field === 1) read.name = reader.string();
    else if (field === 2) read.description = reader.string();
    else if (field === 3) read.unit = reader.string();
    else if (kind) {
      read.kind = kind;
      message(reader, (inner) => {
        if (inner === 1) points.push(READERS[kind](reader));
        else if (inner === 2) read.temporality = reader.uint64();
        else if (inner === 3) read.isMonotonic = reader.bool();
        else return false;
        return true;
      });
    } else return false;
    return true;
  });
  return read;
}

function newPoint(attributes: Attributes, exemplars: readonly OtlpExemplar[]): Writable<Point> {
  const numbers = { start: 0, time: 0, isStale: false, value: 0, count: 0, sum: null };
  return { attributes, exemplars, ...numbers, bucketCounts: [], bounds: [], exponential: null, quantiles: [] };
}

/** What points of all kinds have under the same numbers. */
function takeTimes(reader: ProtoReader, point: Writable<Point>, field: number): boolean {
  if (field !== 2 && field !== 3) return false;
  reader.bits64();
  const time = millisecondsOf(reader.low, reader.high);
  if (field === 2) point.start = time;
  else point.time = time;
  return true;
}

function numberPoint(reader: ProtoReader): Point {
  const attributes = new Map<string, string>();
  const exemplars: OtlpExemplar[] = [];
  const point = newPoint(attributes, exemplars);
  message(reader, (field) => {
    if (takeTimes(reader, point, field)) return true;
    if (field === 4) point.value = reader.double();
    else if (field === 5) exemplars.push(exemplar(reader));
    else if (field === 6) point.value = signed(reader);
    else if (field === 7) readAttribute(reader, attributes);
    else if (field === 8) point.isStale = isStale(reader);
    else return false;
    return true;
  });
  return point;
}

function histogramPoint(reader: ProtoReader): Point {
  const attributes = new Map<string, string>();
  const exemplars: OtlpExemplar[] = [];
  const bucketCounts: number[] = [];
  const bounds: number[] = [];
  const point = { ...newPoint(attributes, exemplars), bucketCounts, bounds };
  message(reader, (field) => {
    if (takeTimes(reader, point, field)) return true;
    if (field === 4) point.count = unsigned(reader);
    else if (field === 5) point.sum = reader.double();
    else if (field === 6) reader.fixed64s(bucketCounts);
    else if (field === 7) reader.doubles(bounds);
    else if (field === 8) exemplars.push(exemplar(reader));
    else if (field === 9) readAttribute(reader, attributes);
    else if (field === 10) point.isStale = isStale(reader);
    else return false;
    return true;
  });
  return point;
}

function exponentialPoint(reader: ProtoReader): Point {
  const attributes = new Map<string, string>();
  const exemplars: OtlpExemplar[] = [];
  const point = newPoint(attributes, exemplars);
  let scale = 0;
  let zeroCount = 0;
  const none: DenseBuckets = { offset: 0, counts: [] };
  let [positive, negative] = [none, none];
  message(reader, (field) => {
    if (takeTimes(reader, point, field)) return true;
    if (field === 1) readAttribute(reader, attributes);
    else if (field === 4) point.count = unsigned(reader);
    else if (field === 5) point.sum = reader.double();
    else if (field === 6) scale = reader.sint64();
    else if (field === 7) zeroCount = unsigned(reader);
    else if (field === 8) positive = denseBuckets(reader);
    else if (field === 9) negative = denseBuckets(reader);
    else if (field === 10) point.isStale = isStale(reader);
    else if (field === 11) exemplars.push(exemplar(reader));
    else return false;
    return true;
  });
  return { ...point, exponential: { scale, zeroCount, positive, negative } };
}

function denseBuckets(reader: ProtoReader): DenseBuckets {
  const counts: number[] = [];
  let offset = 0;
  message(reader, (field) => {
    if (field === 1) offset = reader.sint64();
    else if (field === 2) reader.uint64s(counts);
    else return false;
    return true;
  });
  return { offset, counts };
}

function summaryPoint(reader: ProtoReader): Point {
  const attributes = new Map<string, string>();
  const quantiles: [number, number][] = [];
  const point = { ...newPoint(attributes, []), quantiles, sum: 0 };
  message(reader, (field) => {
    if (takeTimes(reader, point, field)) return true;
    if (field === 4) point.count = unsigned(reader);
    else if (field === 5) point.sum = reader.double();
    else if (field === 6) quantiles.push(quantile(reader));
    else if (field === 7) readAttribute(reader, attributes);
    else if (field === 8) point.isStale = isStale(reader);
    else return false;
    return true;
  });
  return point;
}

const READERS: Readonly<Record<MetricKind, (reader: ProtoReader) => Point>> = {
  gauge: numberPoint,
  sum: numberPoint,
  histogram: histogramPoint,
  exponential: exponentialPoint,
  summary: summaryPoint,
};

function quantile(reader: ProtoReader): [number, number] {
  const pair: [number, number] = [0, 0];
  message(reader, (field) => {
    if (field !== 1 && field !== 2) return false;
    pair[field - 1] = reader.double();
    return true;
  });
  return pair;
}

function exemplar(reader: ProtoReader): OtlpExemplar {
  const attributes = new Map<string, string>();
  const read: Writable<OtlpExemplar> = { time: 0, value: 0, traceId: '', spanId: '', attributes };
  message(reader, (field) => {
    if (field === 2) {
      reader.bits64();
      read.time = millisecondsOf(reader.low, reader.high);
    } else if (field === 3) read.value = reader.double();
    else if (field === 4) read.spanId = idOf(reader.slice());
    else if (field === 5) read.traceId = idOf(reader.slice());
    else if (field === 6) read.value = signed(reader);
    else if (field === 7) readAttribute(reader, attributes);
    else return false;
    return true;
  });
  return read;
}

/** An id of zeros is none. */
function idOf(bytes: Uint8Array): string {
  return bytes.every((byte) => byte === 0) ? '' : Buffer.from(bytes).toString('hex');
}

function isStale(reader: ProtoReader): boolean {
  return (reader.uint64() & NO_RECORDED_VALUE) !== 0;
}

function signed(reader: ProtoReader): number {
  reader.bits64();
  return signedOf(reader.low, reader.high);
}

function unsigned(reader: ProtoReader): number {
  reader.bits64();
  return reader.high * 0x1_0000_0000 + reader.low;
}

/** A key and its value; of a key given twice the first counts, as in upstream's look-ups. */
function readAttribute(reader: ProtoReader, into: Map<string, string>): void {
  const [key, value] = keyValue(reader, 0);
  if (!into.has(key)) into.set(key, textOf(value));
}

/** A value of any type, as JSON has it. */
export type AnyValue = string | number | boolean | null | Uint8Array | readonly AnyValue[] | Map<string, AnyValue>;

function keyValue(reader: ProtoReader, depth: number): [string, AnyValue] {
  let key = '';
  let value: AnyValue = null;
  message(reader, (field) => {
    if (field === 1) key = reader.string();
    else if (field === 2) value = anyValue(reader, depth);
    else return false;
    return true;
  });
  return [key, value];
}

function anyValue(reader: ProtoReader, depth: number): AnyValue {
  let value: AnyValue = null;
  message(reader, (field) => {
    if (field === 1) value = reader.string();
    else if (field === 2) value = reader.bool();
    else if (field === 3) value = reader.int64();
    else if (field === 4) value = reader.double();
    else if (field === 7) value = Uint8Array.from(reader.slice());
    else if ((field === 5 || field === 6) && depth < DEPTH_MAX) value = collection(reader, field === 6, depth + 1);
    else return false;
    return true;
  });
  return value;
}

function collection(reader: ProtoReader, isMap: boolean, depth: number): AnyValue {
  const items: AnyValue[] = [];
  const map = new Map<string, AnyValue>();
  message(reader, (field) => {
    if (field !== 1) return false;
    if (isMap) map.set(...keyValue(reader, depth));
    else items.push(anyValue(reader, depth));
    return true;
  });
  return isMap ? map : items;
}

/** A value as a label has it: texts as they are, what is made of others as JSON, bytes in base64. */
export function textOf(value: AnyValue): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  if (typeof value === 'object') {
    return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : JSON.stringify(jsonOf(value));
  }
  return String(value);
}

function jsonOf(value: AnyValue): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Map) {
    const entries = [...value].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, item]) => [key, jsonOf(item)]));
  }
  return Array.isArray(value) ? value.map(jsonOf) : value;
}
