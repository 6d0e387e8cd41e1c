import { formatDuration, parseDuration } from './duration.ts';
import { interpolate, type Scope, type VariableValue, verbatim } from './interpolate.ts';
import type { Variable, VariableOption } from './model.ts';
import { intervalMs } from './query-plan.ts';
import type { TimeRange } from './time-range.ts';

export const ALL = '$__all';

/** Where a query variable gets its values from; the Prometheus client is one. */
export interface VariableSource {
  labelValues(label: string, selector: string, range: TimeRange, signal: AbortSignal): Promise<readonly string[]>;
  labelNames(range: TimeRange, signal: AbortSignal): Promise<readonly string[]>;
  /** One line per series, `name{label="value"} number timestamp`, as Grafana hands them to the variable's regex. */
  queryResult(expr: string, range: TimeRange, signal: AbortSignal): Promise<readonly string[]>;
}

/** A variable with its options and what is chosen of them. */
export interface VariableState {
  readonly variable: Variable;
  readonly options: readonly VariableOption[];
  readonly chosen: readonly string[];
  readonly error?: string | undefined;
  /** The error is that no server answered, so that an earlier answer is better than this one. */
  readonly away?: boolean | undefined;
}

/** What the page's address says: variable name to values. */
export type ChosenValues = ReadonlyMap<string, readonly string[]>;

/** Resolves every variable in the file's order, so that a later one may refer to an earlier one. Never rejects. */
export async function resolveVariables(
  variables: readonly Variable[],
  chosen: ChosenValues,
  builtins: Scope,
  range: TimeRange,
  source: VariableSource,
  signal: AbortSignal,
): Promise<readonly VariableState[]> {
  const states: VariableState[] = [];
  const scope = new Map(builtins);
  for (const variable of variables) {
    const state = await resolveOne(variable, chosen.get(variable.name), scope, range, source, signal);
    states.push(state);
    scope.set(variable.name, variableValue(state));
  }
  return states;
}

async function resolveOne(
  variable: Variable,
  fromUrl: readonly string[] | undefined,
  scope: Scope,
  range: TimeRange,
  source: VariableSource,
  signal: AbortSignal,
): Promise<VariableState> {
  try {
    const options = await optionsOf(variable, scope, range, source, signal);
    return { variable, options, chosen: choose(variable, options, fromUrl) };
  } catch (error) {
    const { message, status } = error as Error & { readonly status?: number };
    return { variable, options: [], chosen: fromUrl ?? variable.current, error: message, away: status === 0 };
  }
}

async function optionsOf(
  variable: Variable,
  scope: Scope,
  range: TimeRange,
  source: VariableSource,
  signal: AbortSignal,
): Promise<readonly VariableOption[]> {
  switch (variable.type) {
    case 'query': {
      const found = await runQuery(interpolate(variable.query, scope, 'promql'), range, source, signal);
      return sortOptions(filterOptions(found, variable.regex), variable.sort);
    }
    case 'custom':
      return splitCustom(interpolate(variable.query, scope, 'plain'));
    case 'interval':
      return intervalOptions(variable, range);
    case 'datasource':
      return [{ text: 'Prometheus', value: 'prometheus' }];
    case 'constant':
    case 'textbox': {
      const value = interpolate(variable.query || (variable.current[0] ?? ''), scope, 'plain');
      return [{ text: value, value }];
    }
    case 'adhoc':
      return [];
    default:
      return variable.type satisfies never;
  }
}

const LABEL_VALUES = /^\s*label_values\(\s*(?:([\s\S]+)\s*,)?\s*([\w:.]+)\s*\)\s*$/;
const LABEL_NAMES = /^\s*label_names\(\s*\)\s*$/;
const METRICS = /^\s*metrics\(\s*(.*?)\s*\)\s*$/;
const QUERY_RESULT = /^\s*query_result\(([\s\S]+)\)\s*$/;

async function runQuery(
  query: string,
  range: TimeRange,
  source: VariableSource,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const values = LABEL_VALUES.exec(query);
  if (values) return source.labelValues(values[2]!, (values[1] ?? '').trim(), range, signal);
  if (LABEL_NAMES.test(query)) return source.labelNames(range, signal);
  const metrics = METRICS.exec(query);
  if (metrics) {
    const wanted = toRegex(metrics[1]!);
    const names = await source.labelValues('__name__', '', range, signal);
    return wanted ? names.filter((name) => wanted.test(name)) : names;
  }
  const result = QUERY_RESULT.exec(query);
  return query.trim() === '' ? [] : source.queryResult(result ? result[1]! : query, range, signal);
}

/** Reads `/pattern/flags` or a bare pattern; undefined where there is none or it cannot be compiled. */
export function toRegex(pattern: string): RegExp | undefined {
  if (pattern === '') return undefined;
  const slashed = /^\/([\s\S]*)\/([gimsuy]*)$/.exec(pattern);
  try {
    return slashed ? new RegExp(slashed[1]!, slashed[2]!.replaceAll(/[gy]/g, '')) : new RegExp(pattern);
  } catch {
    return undefined;
  }
}

/** A regex keeps what matches; its first group, or the groups `text` and `value`, say what to take of it. */
export function filterOptions(found: readonly string[], regex: string): readonly VariableOption[] {
  const wanted = toRegex(regex);
  const seen = new Map<string, VariableOption>();
  for (const item of found) {
    const match = wanted ? wanted.exec(item) : undefined;
    if (match === null) continue;
    const value = match?.groups?.value ?? match?.groups?.text ?? match?.[1] ?? match?.[0] ?? item;
    const text = match?.groups?.text ?? value;
    if (!seen.has(value)) seen.set(value, { text, value });
  }
  return [...seen.values()];
}

/** Grafana's sort numbers: 1/2 alphabetical, 3/4 numerical, 5/6 ignoring case; even is descending. */
export function sortOptions(options: readonly VariableOption[], sort: number): readonly VariableOption[] {
  if (sort === 0) return options;
  const sorted = [...options].sort((a, b) => compareOptions(a.text, b.text, sort));
  return sort % 2 === 0 ? sorted.reverse() : sorted;
}

function compareOptions(a: string, b: string, sort: number): number {
  if (sort === 3 || sort === 4) return firstNumber(a) - firstNumber(b);
  if (sort >= 5) return a.toLowerCase().localeCompare(b.toLowerCase(), 'en', { numeric: sort >= 7 });
  return a < b ? -1 : a > b ? 1 : 0;
}

const firstNumber = (text: string): number => Number(/-?\d+(?:\.\d+)?/.exec(text)?.[0] ?? -1);

/** `a,b\,c,Name : value` as the custom variable writes its options. */
function splitCustom(query: string): readonly VariableOption[] {
  const parts = query.match(/(?:\\,|[^,])+/g) ?? [];
  return parts.map((part) => {
    const clean = part.replaceAll('\\,', ',').trim();
    const named = /^\s*(.+?)\s+:\s+(.+)$/.exec(clean);
    return named ? { text: named[1]!, value: named[2]! } : { text: clean, value: clean };
  });
}

function intervalOptions(variable: Variable, range: TimeRange): readonly VariableOption[] {
  const listed = splitCustom(variable.query);
  if (!variable.auto) return listed;
  const stepMs = intervalMs(range, variable.auto.count, parseDuration(variable.auto.min) ?? 10_000);
  return [{ text: 'auto', value: formatDuration(stepMs) }, ...listed];
}

function choose(
  variable: Variable,
  options: readonly VariableOption[],
  fromUrl: readonly string[] | undefined,
): readonly string[] {
  if (variable.type === 'textbox') return fromUrl ?? options.map((option) => option.value);
  if (variable.type === 'constant' || variable.type === 'datasource') return options.map((option) => option.value);
  const wanted = (fromUrl ?? variable.current).map((value) => (value === 'All' && variable.includeAll ? ALL : value));
  if (wanted.includes(ALL) && variable.includeAll) return [ALL];
  const known = wanted
    .map((value) => options.find((option) => option.value === value || option.text === value)?.value)
    .filter((value) => value !== undefined);
  if (known.length > 0) return variable.multi ? known : known.slice(0, 1);
  // A value in the address that is not there (any more) is kept: the link shows what its sender meant.
  if (fromUrl && fromUrl.length > 0 && options.length === 0) return fromUrl;
  if (variable.includeAll) return [ALL];
  return options.length > 0 ? [options[0]!.value] : [];
}

/** What a reference to the variable stands for. */
export function variableValue({ variable, options, chosen }: VariableState): VariableValue {
  const many = variable.multi || variable.includeAll;
  if (chosen.includes(ALL)) {
    if (variable.allValue !== '') return verbatim(variable.allValue, 'All');
    // All of nothing must still be a matcher that can be parsed, and that matches what has no such label.
    const values = options.length > 0 ? options.map((option) => option.value) : ['.*'];
    return { values, texts: ['All'], many: true, verbatim: options.length === 0 };
  }
  const texts = chosen.map((value) => options.find((option) => option.value === value)?.text ?? value);
  return { values: chosen.length > 0 ? chosen : [''], texts, many, verbatim: false };
}

/** Scope of all variables on top of `builtins`. */
export function scopeOf(states: readonly VariableState[], builtins: Scope): Scope {
  const scope = new Map(builtins);
  for (const state of states) scope.set(state.variable.name, variableValue(state));
  return scope;
}
