import { parseDocument } from 'yaml';

/** A text that is longer and no JSON stays a text: reading it as YAML would hold everything up. */
const YAML_CHARACTERS_MAX = 64 * 1024;

/**
 * What the configuration has under a key of any shape, with every text in it expanded; a text that comes to a number, a
 * list or a map in YAML becomes one (upstream template.DeepCopyWithTemplate).
 */
export function expandPayload(value: unknown, text: (source: string) => string): unknown {
  if (typeof value === 'string') return typedValue(text(value));
  if (Array.isArray(value)) return value.map((item) => expandPayload(item, text));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [text(key), expandPayload(item, text)]));
}

function typedValue(expanded: string): unknown {
  if (/^\s*[[{]/.test(expanded)) {
    try {
      return JSON.parse(expanded) as unknown;
    } catch {
      // perhaps YAML's own notation
    }
  }
  if (expanded.length > YAML_CHARACTERS_MAX) return expanded;
  try {
    const value = readYaml(expanded);
    return typeof value === 'string' ? expanded : plain(value);
  } catch {
    return expanded;
  }
}

/** As Go's yaml.v2 reads it, which knows neither dates nor times of day. */
function readYaml(text: string): unknown {
  const document = parseDocument(text, {
    version: '1.1',
    merge: true,
    intAsBigInt: true,
    logLevel: 'silent',
    customTags: (tags) =>
      tags.filter(
        (tag) => typeof tag === 'string' || (tag.tag !== 'tag:yaml.org,2002:timestamp' && tag.format !== 'TIME'),
      ),
  });
  if (document.errors.length > 0) throw document.errors[0];
  return document.toJS({ maxAliasCount: 100 }) as unknown;
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** JSON of what `expandPayload` gives: integers beyond those that JavaScript counts with keep their digits. */
export function encodePayload(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(encodePayload).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${encodePayload(item)}`).join(',')}}`;
}
