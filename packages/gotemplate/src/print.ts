import { formatG } from '@avalanche/model';
import { GoStruct, givenText, isNil, isPlainObject } from './values.ts';

/** How deeply nested values are printed. */
const DEPTH_MAX = 50;

/** Prints a value as Go's `%v`: what `{{ . }}` writes. */
export function printValue(value: unknown): string {
  return isNil(value) ? '<no value>' : printPart(value, DEPTH_MAX);
}

/** As a part of something, and in Sprint, nil is told otherwise. */
export function printPart(value: unknown, depth = DEPTH_MAX): string {
  if (depth === 0) return '…';
  if (isNil(value)) return '<nil>';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return formatG(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  const text = givenText(value);
  if (text !== undefined) return text;
  if (Array.isArray(value)) return `[${value.map((item) => printPart(item, depth - 1)).join(' ')}]`;
  if (value instanceof Map) return printMap([...value], depth);
  if (value instanceof GoStruct) return printStruct(value, depth);
  if (isPlainObject(value)) return printMap(Object.entries(value), depth);
  if (typeof value === 'function') return 'func';
  return String(value);
}

function printMap(entries: readonly (readonly [unknown, unknown])[], depth: number): string {
  const shown = entries
    .filter(([, item]) => typeof item !== 'function')
    .map(([key, item]) => [String(key), item] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${shown.map(([key, item]) => `${key}:${printPart(item, depth - 1)}`).join(' ')}]`;
}

function printStruct(value: GoStruct, depth: number): string {
  const text = value.toString();
  if (text !== undefined) return text;
  const fields = Object.values(value.fields).filter((item) => typeof item !== 'function');
  return `{${fields.map((item) => printPart(item, depth - 1)).join(' ')}}`;
}

/** As an argument of Go's fmt, which marks what is a pointer to a struct. */
export function printArgument(value: unknown): string {
  const isPointer = value instanceof GoStruct && value.typeName.startsWith('*') && value.toString() === undefined;
  return (isPointer ? '&' : '') + printPart(value);
}

/** Go's Sprint: a blank between operands that are both no strings. */
export function sprint(args: readonly unknown[]): string {
  let out = '';
  args.forEach((arg, i) => {
    if (i > 0 && typeof arg !== 'string' && typeof args[i - 1] !== 'string') out += ' ';
    out += printArgument(arg);
  });
  return out;
}
