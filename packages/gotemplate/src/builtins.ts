import { printValue, sprintf } from './printf.ts';

export type TemplateFunction = (...args: never[]) => unknown;
export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>;

/** Whether Go counts a value as true: not the zero value of its type, not empty. */
export function isTrue(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    return Object.keys(value).length > 0;
  return true;
}

function compare(a: unknown, b: unknown): number {
  const comparable = typeof a === typeof b && (typeof a === 'number' || typeof a === 'string');
  if (!comparable) throw new Error('incompatible types for comparison');
  return (a as number) < (b as number) ? -1 : a === b ? 0 : 1;
}

function index(item: unknown, ...keys: readonly unknown[]): unknown {
  let value = item;
  for (const key of keys) {
    if (value === null || value === undefined) throw new Error('index of untyped nil');
    if (Array.isArray(value) || typeof value === 'string') {
      const at = Number(key);
      if (!(at >= 0 && at < value.length)) throw new Error(`index out of range: ${at}`);
      value = value[at];
    } else if (value instanceof Map) value = value.get(key);
    else if (typeof value === 'object') {
      const name = String(key);
      value = Object.hasOwn(value, name) ? ((value as Record<string, unknown>)[name] ?? '') : '';
    } else throw new Error(`can't index item of type ${typeof value}`);
  }
  return value;
}

function length(item: unknown): number {
  if (typeof item === 'string') return Buffer.byteLength(item);
  if (Array.isArray(item)) return item.length;
  if (item instanceof Map) return item.size;
  if (typeof item === 'object' && item !== null) return Object.keys(item).length;
  throw new Error(`len of type ${item === null ? 'nil' : typeof item}`);
}

function slice(item: string | readonly unknown[], ...bounds: readonly number[]): unknown {
  const [from = 0, to = item.length] = bounds;
  if (from < 0 || to > item.length || from > to) throw new Error(`index out of range: ${to}`);
  return item.slice(from, to);
}

/** Go's print: a blank between operands that are both no strings. */
function print(...args: readonly unknown[]): string {
  let out = '';
  args.forEach((arg, i) => {
    if (i > 0 && typeof arg !== 'string' && typeof args[i - 1] !== 'string') out += ' ';
    out += printValue(arg);
  });
  return out;
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
  '\0': '\ufffd',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'\0]/g, (c) => HTML_ESCAPES[c]);
}

function escapeJs(text: string): string {
  return text.replace(/[\\'"<>&=\p{Cc}]/gu, (c) =>
    c === '\\' || c === "'" || c === '"'
      ? `\\${c}`
      : `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
  );
}

/** The functions that every template has (text/template's predeclared ones; `and` and `or` are in the interpreter). */
export const builtins: TemplateFunctions = {
  not: (value: unknown) => !isTrue(value),
  eq: (first: unknown, ...others: readonly unknown[]) => others.some((other) => other === first),
  ne: (a: unknown, b: unknown) => a !== b,
  lt: (a: unknown, b: unknown) => compare(a, b) < 0,
  le: (a: unknown, b: unknown) => compare(a, b) <= 0,
  gt: (a: unknown, b: unknown) => compare(a, b) > 0,
  ge: (a: unknown, b: unknown) => compare(a, b) >= 0,
  len: length,
  index,
  slice,
  print,
  println: (...args: readonly unknown[]) => `${args.map(printValue).join(' ')}\n`,
  printf: (format: string, ...args: readonly unknown[]) => sprintf(format, args),
  html: (...args: readonly unknown[]) => escapeHtml(print(...args)),
  js: (...args: readonly unknown[]) => escapeJs(print(...args)),
  urlquery: (...args: readonly unknown[]) => encodeURIComponent(print(...args)).replaceAll('%20', '+'),
  call: (callee: (...args: readonly unknown[]) => unknown, ...args: readonly unknown[]) => callee(...args),
};
