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
import { METRIC_NAME, Slices } from '@avalanche/model';
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

function* readProtobuf(body: Uint8Array): Generator<void, MetricFamily[]> {
  const parser = new ProtobufParser(body);
  const families = new Map<string, FamilyReader>();
  let current: FamilyReader | undefined;
  const familyOf = (name: string): FamilyReader => {
    const family = families.get(name) ?? new FamilyReader(name);
    families.set(name, family);
    current = family;
    return family;
  };
  for (let entry = parser.next(); entry !== ENTRY_END; entry = parser.next()) {
    yield;
    if (entry === ENTRY_HELP) familyOf(parser.metric).family.help = parser.text;
    else if (entry === ENTRY_TYPE) {
      familyOf(parser.metric).family.type = KINDS[parser.text as keyof typeof KINDS] ?? 'UNTYPED';
    } else if (entry === ENTRY_SAMPLE && parser.histogram === null) {
      const labels = new Map(parser.seriesMap());
      const name = labels.get(METRIC_NAME) ?? '';
      labels.delete(METRIC_NAME);
      const family = current && name.startsWith(current.family.name) ? current : familyOf(name);
      family.add(
        name.slice(family.family.name.length),
        labels,
        parser.value,
        parser.hasTimestamp ? parser.timestamp : 0,
      );
    }
  }
  return [...families.values()].map(({ family }) => family).filter(({ metrics }) => metrics.length > 0);
}

/** Puts the samples of a histogram or summary together again. */
class FamilyReader {
  readonly family: MetricFamily;
  private readonly byLabels = new Map<string, FamilyMetric>();

  constructor(name: string) {
    this.family = { name, type: null, help: null, metrics: [] };
  }

  add(suffix: string, labels: Map<string, string>, value: number, timeMs: number): void {
    const divider = dividerOf(this.family);
    const bound = divider === null ? undefined : labels.get(divider);
    if (divider !== null) labels.delete(divider);
    const key = JSON.stringify([...labels]);
    let metric = this.byLabels.get(key);
    if (!metric) {
      metric = { labels: [...labels], value: Number.NaN, parts: [], count: 0, sum: 0, timeMs };
      this.byLabels.set(key, metric);
      this.family.metrics.push(metric);
    }
    if (bound !== undefined) metric.parts.push([bound === '+Inf' ? Infinity : Number(bound), value]);
    else if (suffix === '_sum') metric.sum = value;
    else if (suffix === '_count') metric.count = value;
    else metric.value = value;
  }
}
