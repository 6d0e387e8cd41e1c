import { printValue } from './print.ts';
import { isNil, typeName } from './values.ts';

type Basic = 'bool' | 'string' | 'int' | 'float64';

function basicKind(value: unknown): Basic | null {
  const type = typeName(value);
  return type === 'bool' || type === 'string' || type === 'int' || type === 'float64' ? type : null;
}

/** Go's eq: whether the first equals any of the others. @throws Error where types cannot be compared */
export function eq(first: unknown, ...others: readonly unknown[]): boolean {
  if (others.length === 0) throw new Error('missing argument for comparison');
  return others.some((other) => equal(first, other));
}

function equal(a: unknown, b: unknown): boolean {
  const [kindA, kindB] = [basicKind(a), basicKind(b)];
  if (kindA !== kindB) {
    if (isNil(a) || isNil(b)) return false;
    throw incompatible(a, b);
  }
  if (kindA !== null) return a === b;
  if (isNil(a) || isNil(b)) return isNil(a) && isNil(b);
  if (isContainer(b)) {
    throw new Error(
      typeName(a) === typeName(b)
        ? `non-comparable type ${printValue(b)}: ${typeName(b)}`
        : `non-comparable types ${printValue(a)}: ${typeName(a)}, ${typeName(b)}: ${printValue(b)}`,
    );
  }
  return a === b;
}

function isContainer(value: unknown): boolean {
  return /^(?:map\[|\[\])/.test(typeName(value)) || Array.isArray(value);
}

function incompatible(a: unknown, b: unknown): Error {
  return new Error(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
}

/** Go's lt. @throws Error where the two have no order */
export function lt(a: unknown, b: unknown): boolean {
  const [kindA, kindB] = [basicKind(a), basicKind(b)];
  if (kindA === null || kindB === null) throw new Error('invalid type for comparison');
  if (kindA !== kindB) throw incompatible(a, b);
  if (kindA === 'bool') throw new Error('invalid type for comparison');
  if (kindA === 'string') return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string)) < 0;
  return (a as number) < (b as number);
}

export function le(a: unknown, b: unknown): boolean {
  return lt(a, b) || equal(a, b);
}
