import { eq, le, lt } from './compare.ts';
import { printArgument, printPart, sprint } from './print.ts';
import { sprintf } from './printf.ts';
import { bytesOf, GoStruct, isNil, isPlainObject, isTrue, type TemplateFunctions, typed, typeName } from './values.ts';

/** Go's index: `index x 1 "a"` is x[1]["a"]. */
function index(item: unknown, ...keys: readonly unknown[]): unknown {
  if (isNil(item)) throw new Error('index of untyped nil');
  let value: unknown = item;
  for (const key of keys) {
    if (isNil(value)) throw new Error('index of nil pointer');
    if (Array.isArray(value)) value = value[position(key, value.length, value.length - 1)];
    else if (typeof value === 'string') {
      const bytes = bytesOf(value);
      value = BigInt(bytes[position(key, bytes.length, bytes.length - 1)]);
    } else value = entryOf(value, key);
  }
  return value;
}

function entryOf(map: unknown, key: unknown): unknown {
  if (!(map instanceof Map) && !isPlainObject(map)) throw new Error(`can't index item of type ${typeName(map)}`);
  if (isNil(key)) throw new Error('value is nil; should be of type string');
  if (typeof key !== 'string') throw new Error(`value has type ${typeName(key)}; should be string`);
  if (map instanceof Map) return map.get(key);
  return Object.hasOwn(map, key) ? (map[key] ?? '') : '';
}

/** An index as a number. @throws Error in Go's words */
function position(key: unknown, length: number, max: number): number {
  if (isNil(key)) throw new Error('cannot index slice/array with nil');
  if (typeof key !== 'bigint') throw new Error(`cannot index slice/array with type ${typeName(key)}`);
  if (key < 0n || key > BigInt(Math.max(max, 0)) || (length === 0 && max < 0))
    throw new Error(`index out of range: ${key}`);
  return Number(key);
}

/** Go's len; of a string, its bytes. */
function length(item: unknown): bigint {
  if (typeof item === 'string') return BigInt(bytesOf(item).length);
  if (Array.isArray(item)) return BigInt(item.length);
  if (item instanceof Map) return BigInt(item.size);
  if (isPlainObject(item)) return BigInt(Object.keys(item).length);
  throw new Error(isNil(item) ? 'len of nil pointer' : `len of type ${typeName(item)}`);
}

function slice(item: unknown, ...bounds: readonly unknown[]): unknown {
  if (isNil(item)) throw new Error('slice of untyped nil');
  if (bounds.length > 3) throw new Error(`too many slice indexes: ${bounds.length}`);
  if (typeof item !== 'string' && !Array.isArray(item)) throw new Error(`can't slice item of type ${typeName(item)}`);
  if (typeof item === 'string' && bounds.length === 3) throw new Error('cannot 3-index slice a string');
  const whole: Buffer | readonly unknown[] = typeof item === 'string' ? bytesOf(item) : item;
  const [from = 0, to = whole.length, cap = whole.length] = bounds.map((at) =>
    position(at, whole.length, whole.length),
  );
  if (from > to) throw new Error(`invalid slice index: ${from} > ${to}`);
  if (to > cap) throw new Error(`invalid slice index: ${to} > ${cap}`);
  return Buffer.isBuffer(whole) ? whole.subarray(from, to).toString() : whole.slice(from, to);
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

const JS_ESCAPED: ReadonlySet<string> = new Set(['\\', "'", '"']);
/** What Go's unicode.IsPrint takes for printable stays. */
const JS_SPECIAL = /[\\'"<>&=]|(?![\p{L}\p{M}\p{N}\p{P}\p{S} ])[\s\S]/gu;

function escapeJs(text: string): string {
  return text.replace(JS_SPECIAL, (c) => {
    if (JS_ESCAPED.has(c)) return `\\${c}`;
    return `\\u${(c.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`;
  });
}

/** Go's url.QueryEscape. */
export function escapeQuery(text: string): string {
  const kept = /[A-Za-z0-9_.~-]/;
  let out = '';
  for (const byte of bytesOf(text)) {
    const char = String.fromCharCode(byte);
    if (kept.test(char)) out += char;
    else out += char === ' ' ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

function call(callee: unknown, ...args: readonly unknown[]): unknown {
  if (isNil(callee)) throw new Error('call of nil');
  if (typeof callee !== 'function') throw new Error(`non-function of type ${typeName(callee)}`);
  return (callee as (...args: readonly unknown[]) => unknown)(...args);
}

/** text/template's html, js and urlquery print nil as `<no value>`. */
function textOf(args: readonly unknown[]): string {
  return args.length === 1 && typeof args[0] === 'string' ? args[0] : sprint(args.map(orNoValue));
}

function orNoValue(value: unknown): unknown {
  return isNil(value) ? '<no value>' : value instanceof GoStruct ? printPart(value) : value;
}

/** The functions that every template has (text/template's predeclared ones; `and` and `or` are in the interpreter). */
export const builtins: TemplateFunctions = {
  not: typed(['any'], (value: unknown) => !isTrue(value)),
  eq: typed(['any'], eq, 'any'),
  ne: typed(['any', 'any'], (a: unknown, b: unknown) => !eq(a, b)),
  lt: typed(['any', 'any'], lt),
  le: typed(['any', 'any'], le),
  gt: typed(['any', 'any'], (a: unknown, b: unknown) => !le(a, b)),
  ge: typed(['any', 'any'], (a: unknown, b: unknown) => !lt(a, b)),
  len: typed(['any'], length),
  index: typed(['any'], index, 'any'),
  slice: typed(['any'], slice, 'any'),
  print: typed([], (...args: readonly unknown[]) => sprint(args), 'any'),
  println: typed([], (...args: readonly unknown[]) => `${args.map(printArgument).join(' ')}\n`, 'any'),
  printf: typed(['string'], (format: string, ...args: readonly unknown[]) => sprintf(format, args), 'any'),
  html: typed([], (...args: readonly unknown[]) => escapeHtml(textOf(args)), 'any'),
  js: typed([], (...args: readonly unknown[]) => escapeJs(textOf(args)), 'any'),
  urlquery: typed([], (...args: readonly unknown[]) => escapeQuery(textOf(args)), 'any'),
  call: typed(['any'], call, 'any'),
};
