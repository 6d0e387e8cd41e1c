import { GoStruct, GoTime, isNil } from '@avalanche/gotemplate';
import { compareStrings } from '@avalanche/model';

/** How upstream's template data names its fields in JSON, where that is not the field's name with a small first letter. */
const TAGS: Readonly<Record<string, string>> = { NotificationReason: 'notification_reason' };

/** A value of a template as Go's encoding/json writes it: keys in order, `<`, `>` and `&` as escapes. @throws Error */
export function toGoJson(value: unknown): string {
  const text = JSON.stringify(plain(value)) ?? 'null';
  return text.replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function plain(value: unknown): unknown {
  if (isNil(value)) return null;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`json: unsupported value: ${value}`);
  if (typeof value === 'function') throw new Error('json: unsupported type: func');
  if (typeof value !== 'object') return value;
  if (value instanceof GoTime) return value.toJSON();
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof GoStruct) return structOf(value);
  const entries: readonly (readonly [string, unknown])[] = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    [...entries].sort(([a], [b]) => compareStrings(a, b)).map(([key, item]) => [key, plain(item)]),
  );
}

function structOf({ typeName, fields }: GoStruct): unknown {
  const tag = (name: string): string =>
    typeName === 'template.Pair' ? name : (TAGS[name] ?? name[0].toLowerCase() + name.slice(1));
  return Object.fromEntries(Object.entries(fields).map(([name, item]) => [tag(name), plain(item)]));
}
