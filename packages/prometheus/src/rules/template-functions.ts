import {
  escapeQuery,
  GoDuration,
  GoStruct,
  GoTime,
  humanize,
  humanize1024,
  humanizeDuration,
  humanizePercentage,
  named,
  SafeHtml,
  type TemplateFunctions,
  toFloat,
  typed,
} from '@avalanche/gotemplate';
import {
  compareStrings,
  type FloatHistogram,
  formatG,
  formatHistogram,
  matchesAnywhere,
  parseDuration,
  replaceAllMatches,
} from '@avalanche/model';
import type { VectorSample } from './rule.ts';

/** What Go calls the values that `query` gives, and `first`, `value`, `label` … take. */
const SAMPLE = '*template.sample';
const RESULT = 'template.queryResult';

/** The results of the queries of one text, null where one was asked for and not made yet. */
export type QueryResults = Map<string, readonly VectorSample[] | null>;

interface Surroundings {
  readonly externalUrl: string;
  /** The time of the evaluation in milliseconds. */
  readonly time: number;
  readonly results: QueryResults;
}

/**
 * The functions of upstream's template package that depend on where and when a template runs. `query` takes its results
 * from `results`; one that is not there is entered as null, for the caller to fill, and the run ends.
 */
export function surroundingFunctions({ externalUrl, time, results }: Surroundings): TemplateFunctions {
  return {
    now: typed([], () => time / 1000),
    externalURL: typed([], () => externalUrl),
    pathPrefix: typed([], () => pathOf(externalUrl)),
    query: typed(['string'], (expression: string) => {
      const known = results.get(expression);
      if (known) return named(RESULT, known.map(templateSample));
      results.set(expression, null);
      throw new Error(`query ${expression} has no result yet`);
    }),
  };
}

function pathOf(url: string): string {
  const path = URL.canParse(url) ? new URL(url).pathname : '';
  return path === '/' && !url.endsWith('/') ? '' : path;
}

function templateSample({ labels, value, histogram }: VectorSample): GoStruct {
  return new GoStruct(SAMPLE, { Labels: labels.toJSON(), Value: histogram ? templateHistogram(histogram) : value });
}

/** A native histogram as templates see it. */
export function templateHistogram(histogram: FloatHistogram): GoStruct {
  const { schema, zeroThreshold, zeroCount, count, sum } = histogram;
  const fields = {
    Schema: BigInt(schema),
    ZeroThreshold: zeroThreshold,
    ZeroCount: zeroCount,
    Count: count,
    Sum: sum,
  };
  return new GoStruct('*histogram.FloatHistogram', fields, formatHistogram(histogram));
}

function labelsOf(sample: GoStruct): Readonly<Record<string, string>> {
  return sample.fields.Labels as Readonly<Record<string, string>>;
}

function labelOf(name: string, sample: GoStruct): string {
  const labels = labelsOf(sample);
  return Object.hasOwn(labels, name) ? labels[name] : '';
}

function link(expression: string, tab: 0 | 1): string {
  return `/graph?g0.expr=${escapeQuery(expression)}&g0.tab=${tab}`;
}

function first(samples: readonly GoStruct[] | null): GoStruct {
  if (!samples || samples.length === 0) throw new Error('first() called on vector with no elements');
  return samples[0];
}

const NANOSECONDS_MAX = 2 ** 63;

/** A time of seconds. @throws Error in upstream's words */
function toTime(value: unknown): GoTime {
  const seconds = toFloat(value);
  if (!Number.isFinite(seconds)) throw new Error('value is NaN or Inf');
  if (Math.abs(seconds * 1e9) > NANOSECONDS_MAX) {
    throw new Error(`${formatG(seconds)} cannot be represented as a nanoseconds timestamp since it overflows int64`);
  }
  return new GoTime(Number(BigInt(Math.trunc(seconds * 1e9)) / 1_000_000n)); // through nanoseconds, as upstream
}

/** `2015-05-15 10:00:00 +0000 UTC` (`humanizeTimestamp`). */
function humanizeTimestamp(value: unknown): string {
  const seconds = toFloat(value);
  return Number.isFinite(seconds) ? toTime(seconds).toString() : formatG(seconds);
}

function signedDuration(text: string): number {
  return text.startsWith('-') ? -parseDuration(text.slice(1)) : parseDuration(text);
}

/** The host of `host:port`, or null where Go would not split it (net.SplitHostPort). */
function splitHostPort(text: string): { readonly host: string; readonly port: string } | null {
  const match = /^(?:\[([^[\]]*)\]|([^[\]:]*)):([^[\]:]*)$/.exec(text);
  return match && { host: match[1] ?? match[2], port: match[3] };
}

const IP = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$/;

function stripDomain(hostPort: string): string {
  const split = splitHostPort(hostPort);
  const host = split?.host ?? hostPort;
  if (IP.test(host)) return hostPort;
  const short = host.split('.')[0];
  return split?.port ? `${short}:${split.port}` : short;
}

/** The other functions of upstream's template package. */
const fixedFunctions: TemplateFunctions = {
  first: typed([RESULT], first),
  value: typed([SAMPLE], (sample: GoStruct) => sample.fields.Value),
  label: typed(['string', SAMPLE], labelOf),
  strvalue: typed([SAMPLE], (sample: GoStruct) => labelOf('__value__', sample)),
  sortByLabel: typed(['string', RESULT], (name: string, samples: readonly GoStruct[] | null) =>
    named(
      RESULT,
      [...(samples ?? [])].sort((a, b) => compareStrings(labelOf(name, a), labelOf(name, b))),
    ),
  ),
  args: typed([], (...values: readonly unknown[]) => new Map(values.map((value, i) => [`arg${i}`, value])), 'any'),
  reReplaceAll: typed(['string', 'string', 'string'], replaceAll),
  match: typed(['string', 'string'], matchesAnywhere),
  safeHtml: typed(['string'], (text: string) => new SafeHtml(text)),
  title: typed(['string'], titleCase),
  toUpper: typed(['string'], (text: string) => text.toUpperCase()),
  toLower: typed(['string'], (text: string) => text.toLowerCase()),
  graphLink: typed(['string'], (expression: string) => link(expression, 0)),
  tableLink: typed(['string'], (expression: string) => link(expression, 1)),
  stripPort: typed(['string'], (address: string) => splitHostPort(address)?.host ?? address),
  stripDomain: typed(['string'], stripDomain),
  humanize: typed(['any'], (value: unknown) => humanize(toFloat(value))),
  humanize1024: typed(['any'], (value: unknown) => humanize1024(toFloat(value))),
  humanizeDuration: typed(['any'], (value: unknown) => humanizeDuration(toFloat(value))),
  humanizePercentage: typed(['any'], (value: unknown) => humanizePercentage(toFloat(value))),
  humanizeTimestamp: typed(['any'], humanizeTimestamp),
  toTime: typed(['any'], toTime),
  toDuration: typed(['any'], (value: unknown) => GoDuration.fromSeconds(toFloat(value))),
  parseDuration: typed(['string'], (text: string) => signedDuration(text) / 1000),
  urlQueryEscape: typed(['string'], escapeQuery),
};

/** Words as Unicode divides text: a point, a colon or an apostrophe between letters divides nothing. */
const WORD = /[\p{L}\p{N}\p{M}_]+(?:[.:'’·][\p{L}\p{N}\p{M}_]+)*/gu;

/** The first letter of each word in upper case, the others as they are (Go's cases.Title with NoLower). */
function titleCase(text: string): string {
  return text.replace(WORD, (word) => word.replace(/\p{L}/u, (letter) => letter.toUpperCase()));
}

/** Go's regexp.MustCompile tells the whole pattern. @throws Error */
function replaceAll(pattern: string, replacement: string, text: string): string {
  try {
    return replaceAllMatches(pattern, replacement, text);
  } catch (error) {
    throw new Error(`regexp: Compile(\`${pattern}\`): ${(error as Error).message}`, { cause: error });
  }
}

/** All of them, for templates to be compiled with. */
export const templateFunctions: TemplateFunctions = {
  ...fixedFunctions,
  ...surroundingFunctions({ externalUrl: '', time: 0, results: new Map() }),
};
