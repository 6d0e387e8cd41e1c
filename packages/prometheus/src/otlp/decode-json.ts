import { type AnyValue, textOf } from './decode-proto.ts';
import {
  type Attributes,
  type DenseBuckets,
  type Metric,
  type MetricKind,
  OtlpError,
  type OtlpExemplar,
  type Point,
  type ResourceMetrics,
  type ScopeMetrics,
} from './model.ts';

type Json = Readonly<Record<string, unknown>>;

const KINDS: Readonly<Record<string, MetricKind>> = {
  gauge: 'gauge',
  sum: 'sum',
  histogram: 'histogram',
  exponentialHistogram: 'exponential',
  summary: 'summary',
};
const TEMPORALITIES: Readonly<Record<string, number>> = {
  AGGREGATION_TEMPORALITY_DELTA: 1,
  AGGREGATION_TEMPORALITY_CUMULATIVE: 2,
};
const DEPTH_MAX = 64;

/** Reads a request in OTLP's JSON: names in camel case, ids in hexadecimal, 64-bit numbers as texts. @throws OtlpError */
export function decodeJson(text: string): ResourceMetrics[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new OtlpError((error as Error).message);
  }
  return list(object(document).resourceMetrics).map((resource): ResourceMetrics => {
    const scopes = list(resource.scopeMetrics).map(scopeMetrics);
    return { attributes: attributesOf(object(resource.resource).attributes), scopes };
  });
}

function scopeMetrics(json: Json): ScopeMetrics {
  const scope = object(json.scope);
  return {
    name: string(scope.name),
    version: string(scope.version),
    schemaUrl: string(json.schemaUrl),
    attributes: attributesOf(scope.attributes),
    metrics: list(json.metrics).map(metric),
  };
}

function metric(json: Json): Metric {
  const key = Object.keys(KINDS).find((name) => json[name] !== undefined && json[name] !== null);
  const data = key === undefined ? {} : object(json[key]);
  const { aggregationTemporality: temporality } = data;
  return {
    name: string(json.name),
    description: string(json.description),
    unit: string(json.unit),
    kind: key === undefined ? null : KINDS[key],
    temporality: (typeof temporality === 'string' && TEMPORALITIES[temporality]) || number(temporality),
    isMonotonic: data.isMonotonic === true,
    points: list(data.dataPoints).map((point) => pointOf(point, key === undefined ? null : KINDS[key])),
  };
}

function pointOf(json: Json, kind: MetricKind | null): Point {
  const hasSum = json.sum !== undefined && json.sum !== null;
  return {
    attributes: attributesOf(json.attributes),
    start: milliseconds(json.startTimeUnixNano),
    time: milliseconds(json.timeUnixNano),
    isStale: (number(json.flags) & 1) !== 0,
    value: json.asInt === undefined ? number(json.asDouble) : number(json.asInt),
    count: number(json.count),
    sum: hasSum || kind === 'summary' ? number(json.sum) : null,
    bucketCounts: numbers(json.bucketCounts),
    bounds: numbers(json.explicitBounds),
    exponential:
      kind === 'exponential'
        ? {
            scale: number(json.scale),
            zeroCount: number(json.zeroCount),
            positive: denseBuckets(json.positive),
            negative: denseBuckets(json.negative),
          }
        : null,
    quantiles: list(json.quantileValues).map(({ quantile, value }) => [number(quantile), number(value)]),
    exemplars: list(json.exemplars).map(exemplarOf),
  };
}

function denseBuckets(value: unknown): DenseBuckets {
  const { offset, bucketCounts } = object(value);
  return { offset: number(offset), counts: numbers(bucketCounts) };
}

function exemplarOf(json: Json): OtlpExemplar {
  const id = (value: unknown) => (/^0*$/.test(string(value)) ? '' : string(value).toLowerCase());
  return {
    time: milliseconds(json.timeUnixNano),
    value: json.asInt === undefined ? number(json.asDouble) : number(json.asInt),
    traceId: id(json.traceId),
    spanId: id(json.spanId),
    attributes: attributesOf(json.filteredAttributes),
  };
}

/** Of a key given twice the first counts. */
function attributesOf(value: unknown): Attributes {
  const attributes = new Map<string, string>();
  for (const item of list(value)) {
    const key = string(item.key);
    if (!attributes.has(key)) attributes.set(key, textOf(anyValue(item.value, 0)));
  }
  return attributes;
}

function anyValue(value: unknown, depth: number): AnyValue {
  const json = object(value);
  if (json.stringValue !== undefined) return string(json.stringValue);
  if (json.boolValue !== undefined) return json.boolValue === true;
  if (json.intValue !== undefined) return number(json.intValue);
  if (json.doubleValue !== undefined) return number(json.doubleValue);
  if (json.bytesValue !== undefined) return Buffer.from(string(json.bytesValue), 'base64');
  if (depth >= DEPTH_MAX) return null;
  if (json.arrayValue !== undefined) {
    return list(object(json.arrayValue).values).map((item) => anyValue(item, depth + 1));
  }
  if (json.kvlistValue === undefined) return null;
  const items = list(object(json.kvlistValue).values);
  return new Map(items.map(({ key, value: item }) => [string(key), anyValue(item, depth + 1)]));
}

function object(value: unknown): Json {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Json;
  throw new OtlpError(`an object is expected, not ${JSON.stringify(value)}`);
}

function list(value: unknown): Json[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map(object);
  throw new OtlpError(`a list is expected, not ${JSON.stringify(value)}`);
}

function string(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw new OtlpError(`a text is expected, not ${JSON.stringify(value)}`);
}

/** As protobuf's JSON has numbers: `NaN`, `Infinity` and what does not fit into 53 bits are texts. */
function number(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && value !== '' && (value === 'NaN' || !Number.isNaN(Number(value)))) {
    return Number(value);
  }
  throw new OtlpError(`a number is expected, not ${JSON.stringify(value)}`);
}

function numbers(value: unknown): number[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map(number);
  throw new OtlpError(`a list of numbers is expected, not ${JSON.stringify(value)}`);
}

/** From nanoseconds, exactly: they are more than a number holds. */
function milliseconds(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'string' && /^\d{1,20}$/.test(value)) return Number(BigInt(value) / 1_000_000n);
  return Math.floor(number(value) / 1e6);
}
