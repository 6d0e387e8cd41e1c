import { GoStruct, givenMethod } from './values.ts';

/** A field, entry or method; nothing that every JavaScript object has (`constructor`, `__proto__` …). */
export function memberOf(owner: unknown, name: string): unknown {
  const method = typeof owner === 'object' && owner !== null ? givenMethod(owner, name) : undefined;
  if (method) return method;
  if (owner instanceof Map) return owner.get(name);
  if (owner instanceof GoStruct) return Object.hasOwn(owner.fields, name) ? owner.fields[name] : undefined;
  if (typeof owner !== 'object' || owner === null) return undefined;
  if (Object.hasOwn(owner, name))
    return Array.isArray(owner) ? methodOf(owner, name) : (owner as Readonly<Record<string, unknown>>)[name];
  const proto: unknown = Object.getPrototypeOf(owner);
  const builtIn = proto === null || proto === Object.prototype || proto === Array.prototype;
  if (builtIn || name === 'constructor' || name in Object.prototype) return undefined;
  return (owner as Readonly<Record<string, unknown>>)[name];
}

/** Of what an array has itself, only methods that were given to it. */
function methodOf(owner: readonly unknown[], name: string): unknown {
  const member = (owner as unknown as Readonly<Record<string, unknown>>)[name];
  return typeof member === 'function' ? member : undefined;
}
