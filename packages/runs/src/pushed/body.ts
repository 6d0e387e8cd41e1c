import {
  dividerOf,
  ENTRY_END,
  ENTRY_HELP,
  ENTRY_SAMPLE,
  ENTRY_TYPE,
  type FamilyMetric,
  type MetricFamily,
  ProtobufParser,
  readTextFamilies,
} from '@avalanche/exposition';
import { METRIC_NAME, quote, Slices } from '@avalanche/model';
import { PushError } from './grouping.ts';

const PROTOBUF = /^application\/vnd\.google\.protobuf\s*;/i;

/**
 * The families of a pushed body: delimited protobuf where the content type says so, else text 0.0.4. Native histograms
 * keep their classic buckets only, as the text that is scraped has no others. Lets other work go on.
 * @throws PushError with upstream's words
 */
export async function readBody(body: Uint8Array, contentType: string): Promise<MetricFamily[]> {
  const isProtobuf = PROTOBUF.test(contentType) && /encoding="?delimited/.test(contentType);
  try {
    return await new Slices().run(isProtobuf ? readProtobuf(body) : readTextFamilies(body, 'legacy'));
  } catch (error) {
    throw new PushError((error as Error).message);
  }
}

const KINDS = {
  counter: 'COUNTER',
  gauge: 'GAUGE',
  summary: 'SUMMARY',
  histogram: 'HISTOGRAM',
  gaugehistogram: 'GAUGE_HISTOGRAM',
} as const;

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Of two families by one name the last counts, as in the Pushgateway. */
function* readProtobuf(body: Uint8Array): Generator<void, MetricFamily[]> {
  const parser = new ProtobufParser(body);
  const families = new Map<string, MetricFamily>();
  let family: MetricFamily = { name: '', type: null, help: null, metrics: [] };
  for (let entry = parser.next(); entry !== ENTRY_END; entry = parser.next()) {
    yield;
    if (entry === ENTRY_HELP) {
      family = { name: metricName(parser.metric), type: null, help: parser.text, metrics: [] };
      families.set(family.name, family);
    } else if (entry === ENTRY_TYPE) family.type = KINDS[parser.text as keyof typeof KINDS] ?? 'UNTYPED';
    else if (entry === ENTRY_SAMPLE) addSample(family, parser);
  }
  return [...families.values()];
}

/** @throws Error, as the text format's reader does: a page with another name is invalid as a whole */
function metricName(name: string): string {
  if (!METRIC.test(name)) throw new Error(`invalid metric name ${quote(name)}`);
  return name;
}

/** Adds a sample as a metric, or as a part of the last one: a histogram or summary begins with its `_count`. */
function addSample(family: MetricFamily, parser: ProtobufParser): void {
  const labels = new Map(parser.seriesMap());
  const name = labels.get(METRIC_NAME) ?? '';
  const suffix = name.slice(family.name.length);
  const divider = dividerOf(family);
  const isPart = divider !== null && suffix !== '_count';
  if (!isPart) family.metrics.push(metricOf(family, name, labels, parser.hasTimestamp ? parser.timestamp : 0));
  const metric = family.metrics[family.metrics.length - 1];
  const { value } = parser;
  if (divider === null) metric.value = value;
  else if (!isPart) metric.count = value;
  else if (suffix === '_sum') metric.sum = value;
  else metric.parts.push([boundOf(labels.get(divider)), value]);
}

/** @throws Error */
function metricOf(family: MetricFamily, name: string, labels: Map<string, string>, timeMs: number): FamilyMetric {
  const divider = dividerOf(family);
  const isOwnName = name === family.name + (divider === null ? '' : '_count');
  if (!isOwnName) throw new Error('label name "__name__" is reserved');
  labels.delete(METRIC_NAME);
  for (const label of labels.keys()) {
    if (!LABEL.test(label)) throw new Error(`invalid label name ${quote(label)}`);
    if (label === divider) throw new Error(`label name ${quote(label)} divides metric ${quote(family.name)} already`);
  }
  return { labels: [...labels], value: Number.NaN, parts: [], count: 0, sum: 0, timeMs };
}

function boundOf(text = ''): number {
  return Number(text.replace(/Inf$/, 'Infinity'));
}
