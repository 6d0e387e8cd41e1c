import type { PrometheusConfig } from '../config/schema.ts';
import type { MetricKind } from './model.ts';

/** `translation_strategy`, as two questions. */
export interface NameRules {
  /** Whether units and types become suffixes. */
  readonly withSuffixes: boolean;
  /** Whether names may have any characters. */
  readonly allowUtf8: boolean;
}

export function nameRulesOf(strategy: PrometheusConfig['otlp']['translation_strategy']): NameRules {
  return {
    withSuffixes: strategy !== 'NoTranslation' && strategy !== 'UnderscoreEscapingWithoutSuffixes',
    allowUtf8: strategy === 'NoTranslation' || strategy === 'NoUTF8EscapingWithSuffixes',
  };
}

const UNITS: Readonly<Record<string, string>> = {
  ...{ d: 'days', h: 'hours', min: 'minutes', s: 'seconds', ms: 'milliseconds', us: 'microseconds', ns: 'nanoseconds' },
  ...{ By: 'bytes', KiBy: 'kibibytes', MiBy: 'mebibytes', GiBy: 'gibibytes', TiBy: 'tibibytes' },
  ...{ KBy: 'kilobytes', MBy: 'megabytes', GBy: 'gigabytes', TBy: 'terabytes' },
  ...{ m: 'meters', V: 'volts', A: 'amperes', J: 'joules', W: 'watts', g: 'grams' },
  ...{ Cel: 'celsius', Hz: 'hertz', '1': '', '%': 'percent' },
};
const PER_UNITS: Readonly<Record<string, string>> = {
  ...{ s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week', mo: 'month', y: 'year' },
};

export interface NamedMetric {
  readonly name: string;
  readonly unit: string;
  readonly kind: MetricKind | null;
  readonly isMonotonic: boolean;
}

/** The name of a metric in Prometheus's model (prometheus/otlptranslator). @throws Error where nothing is left of it */
export function metricName(metric: NamedMetric, { withSuffixes, allowUtf8 }: NameRules): string {
  if (allowUtf8) return withSuffixes ? suffixedName(metric) : metric.name;
  const name = withSuffixes ? tokenName(metric) : plainName(metric.name);
  if (name === '') throw new Error(`normalization for metric ${JSON.stringify(metric.name)} resulted in empty name`);
  if (name !== metric.name && /^_+$/.test(name)) {
    const names = [metric.name, name].map((text) => JSON.stringify(text));
    throw new Error(`normalization for metric ${names[0]} resulted in invalid name ${names[1]}`);
  }
  return name;
}

/** Words of letters and digits, then the unit and the type. */
function tokenName({ name, unit, kind, isMonotonic }: NamedMetric): string {
  let tokens = name.split(/[^a-zA-Z0-9:]+/).filter((token) => token !== '');
  const [main, per] = unitSuffixes(unit).map(cleanUnit);
  const mainSuffix = tokens.includes(main) ? '' : main;
  const perName = per === 'per_' ? '' : per.replace(/_$/, '');
  const perSuffix = tokens.includes(perName) ? '' : perName;
  if (mainSuffix !== '') tokens.push(perSuffix === '' ? mainSuffix : mainSuffix.replace(/_$/, ''));
  if (perSuffix !== '') tokens.push(perSuffix);
  const addLast = (word: string) => {
    tokens = [...tokens.filter((token) => token !== word), word];
  };
  if (kind === 'sum' && isMonotonic) addLast('total');
  if (unit === '1' && kind === 'gauge') addLast('ratio');
  return notDigitFirst(tokens.join('_'));
}

function plainName(name: string): string {
  const words = name.split(/[^a-zA-Z0-9:_]+/).filter((word) => word !== '');
  return notDigitFirst(words.join('_'));
}

function notDigitFirst(name: string): string {
  return /^\d/.test(name) ? `_${name}` : name;
}

/** Any name, with the suffixes that it does not have yet. */
function suffixedName({ name, unit, kind, isMonotonic }: NamedMetric): string {
  let result = name;
  const suffixes: string[] = [];
  const moveToEnd = (suffix: string) => {
    if (result.endsWith(suffix) && result.length > suffix.length + 1) {
      result = [...result.slice(0, -suffix.length)].slice(0, -1).join('');
    }
    suffixes.unshift(suffix);
  };
  if (unit === '1' && kind === 'gauge') moveToEnd('ratio');
  if (kind === 'sum' && isMonotonic) moveToEnd('total');
  const [main, per] = unitSuffixes(unit);
  if (per !== '') moveToEnd(per);
  if (main !== '' && !result.endsWith(main)) result += `_${main}`;
  return [result, ...suffixes].join('_');
}

/** The unit and what it is per, in words. */
function unitSuffixes(unit: string): [string, string] {
  const slash = unit.indexOf('/');
  const main = (slash < 0 ? unit : unit.slice(0, slash)).trim();
  const per = slash < 0 ? '' : unit.slice(slash + 1).trim();
  const word = (text: string, words: Readonly<Record<string, string>>) => {
    if (text === '' || /[{}]/.test(text)) return '';
    return Object.hasOwn(words, text) ? words[text] : text;
  };
  const perWord = word(per, PER_UNITS);
  return [word(main, UNITS), perWord === '' ? '' : `per_${perWord}`];
}

function cleanUnit(unit: string): string {
  return unit
    .replace(/[^a-zA-Z0-9:]/gu, '_')
    .replace(/_+/g, '_')
    .replace(/^_/, '');
}

/** The unit as metadata has it. */
export function unitName(unit: string): string {
  const words = unitSuffixes(unit).map(cleanUnit);
  return words
    .filter((word) => word !== '')
    .join('_')
    .replace(/^_|_$/g, '');
}

/** What `label_name_…` say. */
export interface LabelRules {
  readonly allowUtf8: boolean;
  /** Names that begin with one underscore get `key` before it. */
  readonly sanitizeUnderscore: boolean;
  readonly keepUnderscores: boolean;
}

/** The name of a label. @throws Error where nothing is left of it */
export function labelName(name: string, { allowUtf8, sanitizeUnderscore, keepUnderscores }: LabelRules): string {
  if (name === '') throw new Error('label name is empty');
  const quoted = JSON.stringify(name);
  if (allowUtf8) {
    if (/^_+$/.test(name)) throw new Error(`label name ${quoted} contains only underscores`);
    return name;
  }
  let result = keepUnderscores ? name.replace(/[^a-zA-Z0-9]/gu, '_') : collapsed(name);
  if (/^\d/.test(result)) result = `key_${result}`;
  else if (sanitizeUnderscore && /^_(?!_)/.test(result)) result = `key${result}`;
  if (/^_+$/.test(result)) {
    throw new Error(`normalization for label name ${quoted} resulted in invalid name ${JSON.stringify(result)}`);
  }
  return result;
}

function collapsed(name: string): string {
  const reserved = name.length >= 4 ? /^__(.*)__$/s.exec(name) : null;
  const result = (reserved ? reserved[1] : name).replace(/[^a-zA-Z0-9]+/gu, '_');
  return reserved ? `__${result}__` : result;
}
