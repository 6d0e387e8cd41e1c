/** A variable's present value. For All without an `allValue`, `values` holds every option. */
export interface VariableValue {
  readonly values: readonly string[];
  readonly texts: readonly string[];
  /** Several values are possible, so that PromQL gets an escaped alternation even for one of them. */
  readonly many: boolean;
  /** Given as it stands, never escaped: an `allValue`, or a built-in. */
  readonly verbatim: boolean;
}

export type Scope = ReadonlyMap<string, VariableValue>;

export type Format = 'promql' | 'text' | 'plain' | string;

const REFERENCE = /\$(\w+)|\[\[(\w+)(?::(\w+))?\]\]|\$\{(\w+)(?:\.[^:}]+)?(?::([^}]+))?\}/g;

/** A value that does not vary in form: a built-in, or one fixed by a repeat. */
export function verbatim(value: string, text = value): VariableValue {
  return { values: [value], texts: [text], many: false, verbatim: true };
}

/** Replaces `$name`, `${name}`, `${name:format}`, `[[name]]`; a name that is not in scope stays as it is written. */
export function interpolate(template: string, scope: Scope, format: Format): string {
  if (!template.includes('$') && !template.includes('[[')) return template;
  return template.replaceAll(REFERENCE, (whole: string, plain, old, oldFormat, braced, bracedFormat) => {
    const name: string = plain ?? old ?? braced;
    const value = scope.get(name);
    return value === undefined ? whole : formatValue(name, value, oldFormat ?? bracedFormat ?? format);
  });
}

/** Names that `template` refers to, in order, each once. */
export function references(template: string): readonly string[] {
  const names = new Set<string>();
  for (const [, plain, old, , braced] of template.matchAll(REFERENCE)) names.add(plain ?? old ?? braced ?? '');
  return [...names];
}

const escapeRegex = (text: string): string => text.replaceAll(/[\\^$*+?.()|[\]{}/]/g, '\\$&');
/** In a PromQL string, the regular expression's own backslash has to be written twice. */
const escapePromql = (text: string): string => escapeRegex(text).replaceAll('\\', '\\\\').replaceAll("'", "\\\\'");

function alternation(values: readonly string[]): string {
  return values.length === 1 ? values[0]! : `(${values.join('|')})`;
}

function formatValue(name: string, value: VariableValue, format: Format): string {
  const { values, texts } = value;
  switch (format) {
    case 'promql':
      return value.verbatim || !value.many ? values.join(',') : alternation(values.map(escapePromql));
    case 'text':
      return texts.join(' + ');
    case 'regex':
      return value.verbatim ? values.join('|') : alternation(values.map(escapeRegex));
    case 'pipe':
      return values.join('|');
    case 'csv':
    case 'raw':
    case 'plain':
      return values.join(',');
    case 'json':
      return JSON.stringify(values.length === 1 ? values[0] : values);
    case 'doublequote':
      return values.map((item) => JSON.stringify(item)).join(',');
    case 'singlequote':
      return values.map((item) => `'${item.replaceAll("'", "\\'")}'`).join(',');
    case 'glob':
      return values.length === 1 ? values[0]! : `{${values.join(',')}}`;
    case 'percentencode':
      return encodeURIComponent(values.length === 1 ? values[0]! : `{${values.join(',')}}`);
    case 'queryparam':
      return values.map((item) => `var-${encodeURIComponent(name)}=${encodeURIComponent(item)}`).join('&');
    default:
      return values.join(',');
  }
}
