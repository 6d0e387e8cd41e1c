import type { TemplateFunctions } from '@avalanche/gotemplate';
import { compareStrings, matchesAnywhere, parseDuration, replaceAllMatches } from '@avalanche/model';
import { humanize, humanize1024, humanizeDuration, humanizePercentage, humanizeTimestamp } from './humanize.ts';

/** A sample as templates see it: what `query` gives, and `first`, `value`, `label` … take. */
export interface TemplateSample {
  readonly Labels: Readonly<Record<string, string>>;
  readonly Value: number;
}

/**
 * The functions of upstream's template package. `query` takes its results from `results`; one that is not there is
 * entered as null, for the caller to fill, and the run ends.
 */
export function templateFunctions(
  externalUrl: string,
  results: Map<string, readonly TemplateSample[] | null>,
): TemplateFunctions {
  return {
    ...fixedFunctions,
    externalURL: () => externalUrl,
    pathPrefix: () => (externalUrl === '' ? '' : new URL(externalUrl).pathname.replace(/\/$/, '')),
    query: (expression: string) => {
      const known = results.get(expression);
      if (known) return known;
      results.set(expression, null);
      throw new Error(`query ${expression} has no result yet`);
    },
  };
}

function link(expression: string, tab: 0 | 1): string {
  return `/graph?g0.expr=${encodeURIComponent(expression).replaceAll('%20', '+')}&g0.tab=${tab}`;
}

function first(samples: readonly TemplateSample[]): TemplateSample {
  if (samples.length === 0) throw new Error('first() called on vector with no elements');
  return samples[0];
}

/** Numbers reach the functions as numbers or, as in `{{ printf … | humanize }}`, as text. */
function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  const number = Number(String(value).replace(/^([+-]?)Inf$/, '$1Infinity'));
  if (String(value) !== 'NaN' && Number.isNaN(number)) throw new Error(`can't convert ${String(value)} to float`);
  return number;
}

const fixedFunctions: TemplateFunctions = {
  first,
  value: (sample: TemplateSample) => sample.Value,
  label: (name: string, sample: TemplateSample) => sample.Labels[name] ?? '',
  strvalue: (sample: TemplateSample) => sample.Labels.__value__ ?? '',
  sortByLabel: (name: string, samples: readonly TemplateSample[]) =>
    [...samples].sort((a, b) => compareStrings(a.Labels[name] ?? '', b.Labels[name] ?? '')),
  args: (...values: readonly unknown[]) => Object.fromEntries(values.map((value, i) => [`arg${i}`, value])),
  reReplaceAll: replaceAllMatches,
  match: matchesAnywhere,
  safeHtml: (text: string) => text,
  title: (text: string) => text.replace(/(^|\s)(\S)/g, (_all, space: string, c: string) => space + c.toUpperCase()),
  toUpper: (text: string) => text.toUpperCase(),
  toLower: (text: string) => text.toLowerCase(),
  graphLink: (expression: string) => link(expression, 0),
  tableLink: (expression: string) => link(expression, 1),
  stripPort: (address: string) => address.replace(/:\d+$/, ''),
  stripDomain: (address: string) => address.replace(/^([^.:]+)\.[^:]*(:\d+)?$/, '$1$2'),
  humanize: (value: unknown) => humanize(toNumber(value)),
  humanize1024: (value: unknown) => humanize1024(toNumber(value)),
  humanizeDuration: (value: unknown) => humanizeDuration(toNumber(value)),
  humanizePercentage: (value: unknown) => humanizePercentage(toNumber(value)),
  humanizeTimestamp: (value: unknown) => humanizeTimestamp(toNumber(value)),
  toTime: (seconds: unknown) => new Date(toNumber(seconds) * 1000),
  parseDuration: (text: string) => parseDuration(text) / 1000,
};
