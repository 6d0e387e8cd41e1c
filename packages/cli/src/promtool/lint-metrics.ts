import { dividerOf, type FamilyMetric, type MetricFamily } from '@avalanche/exposition';
import { compareStrings } from '@avalanche/model';

/** What is not as the conventions for metrics want it; texts as upstream's linter has them. */
export interface LintProblem {
  readonly metric: string;
  readonly text: string;
}

type Lint = (family: MetricFamily) => readonly string[];

const LINTS: readonly Lint[] = [
  lintHelp,
  lintUnit,
  lintCounter,
  lintReservedNames,
  lintTypeInName,
  lintColon,
  lintCase,
  lintAbbreviations,
  lintDuplicates,
];

/** @returns the problems by name of metric, then by text */
export function lintFamilies(families: readonly MetricFamily[]): LintProblem[] {
  const problems = families.flatMap((family) =>
    LINTS.flatMap((lint) => lint(family).map((text) => ({ metric: family.name, text }))),
  );
  return problems.sort((a, b) => compareStrings(a.metric, b.metric) || compareStrings(a.text, b.text));
}

function lintHelp({ help }: MetricFamily): string[] {
  return help === null ? ['no help text'] : [];
}

const BASE_UNITS: Readonly<Record<string, string>> = {
  amperes: 'amperes',
  bytes: 'bytes',
  celsius: 'celsius',
  grams: 'grams',
  joules: 'joules',
  kelvin: 'kelvin',
  meters: 'meters',
  metres: 'metres',
  seconds: 'seconds',
  volts: 'volts',
  minutes: 'seconds',
  hours: 'seconds',
  days: 'seconds',
  weeks: 'seconds',
  kelvins: 'kelvin',
  fahrenheit: 'celsius',
  rankine: 'celsius',
  inches: 'meters',
  yards: 'meters',
  miles: 'meters',
  bits: 'bytes',
  calories: 'joules',
  pounds: 'grams',
  ounces: 'grams',
};
/** `mibi` is upstream's. */
const PREFIX = /^(?:pico|nano|micro|milli|centi|deci|deca|hecto|kilo|kibi|mega|mibi|giga|gibi|tera|tebi|peta|pebi)/;

/** The first unit in a name counts. */
function lintUnit({ name }: MetricFamily): string[] {
  for (const word of name.split('_')) {
    const base = baseOf(word) ?? baseOf(word.replace(PREFIX, ''));
    if (base !== undefined) return word === base ? [] : [`use base unit "${base}" instead of "${word}"`];
  }
  return [];
}

function baseOf(word: string): string | undefined {
  return Object.hasOwn(BASE_UNITS, word) ? BASE_UNITS[word] : undefined;
}

function lintCounter({ name, type }: MetricFamily): string[] {
  const isTotal = name.endsWith('_total');
  if (type === 'COUNTER') return isTotal ? [] : ['counter metrics should have "_total" suffix'];
  return isTotal && type !== 'UNTYPED' ? ['non-counter metrics should not have "_total" suffix'] : [];
}

function lintReservedNames(family: MetricFamily): string[] {
  const { name, type, metrics } = family;
  if (type === 'UNTYPED') return [];
  const isHistogram = type === 'HISTOGRAM';
  const isDivided = isHistogram || type === 'SUMMARY';
  const problems: string[] = [];
  if (!isHistogram && name.endsWith('_bucket')) {
    problems.push('non-histogram metrics should not have "_bucket" suffix');
  }
  for (const suffix of ['_count', '_sum']) {
    if (!isDivided && name.endsWith(suffix)) {
      problems.push(`non-histogram and non-summary metrics should not have "${suffix}" suffix`);
    }
  }
  for (const label of namesOf(metrics)) {
    if (!isHistogram && label === 'le') problems.push('non-histogram metrics should not have "le" label');
    if (type !== 'SUMMARY' && label === 'quantile') {
      problems.push('non-summary metrics should not have "quantile" label');
    }
  }
  return problems;
}

function lintTypeInName({ name, type }: MetricFamily): string[] {
  if (type === 'UNTYPED' || type === null) return [];
  const word = type.toLowerCase();
  return hasWord(name.toLowerCase(), word) ? [`metric name should not include type '${word}'`] : [];
}

function lintColon({ name }: MetricFamily): string[] {
  return name.includes(':') ? ["metric names should not contain ':'"] : [];
}

const CAMEL_CASE = /[a-z][A-Z]/;

function lintCase({ name, metrics }: MetricFamily): string[] {
  const problems = CAMEL_CASE.test(name) ? ["metric names should be written in 'snake_case' not 'camelCase'"] : [];
  const labels = namesOf(metrics).filter((label) => CAMEL_CASE.test(label));
  return [...problems, ...labels.map(() => "label names should be written in 'snake_case' not 'camelCase'")];
}

const ABBREVIATIONS = ['s', 'ms', 'us', 'ns', 'sec', 'b', 'kb', 'mb', 'gb', 'tb', 'pb', 'm', 'h', 'd'];

function lintAbbreviations({ name }: MetricFamily): string[] {
  const lower = name.toLowerCase();
  return ABBREVIATIONS.filter((unit) => hasWord(lower, unit)).map(
    () => 'metric names should not contain abbreviated units',
  );
}

/** One problem for each metric that a later one equals. Labels count in the order of the text, as with upstream. */
function lintDuplicates(family: MetricFamily): string[] {
  if (dividerOf(family) !== null) return [];
  const keys = family.metrics.map(({ labels }) => JSON.stringify(labels));
  const last = new Map(keys.map((key, i) => [key, i]));
  return keys.filter((key, i) => last.get(key) !== i).map(() => 'metric not unique');
}

function namesOf(metrics: readonly FamilyMetric[]): string[] {
  return metrics.flatMap(({ labels }) => labels.map(([name]) => name));
}

/** Whether a word stands in a name, but not at its beginning. */
function hasWord(name: string, word: string): boolean {
  return name.includes(`_${word}_`) || name.endsWith(`_${word}`);
}
