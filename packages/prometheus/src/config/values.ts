import { parseBytes } from '@avalanche/model';
import { scalarString } from '@avalanche/yamlfile';
import { z } from 'zod';

/** `512MB` or a bare 0, as bytes. */
export const bytes = z.union([z.number(), z.string()]).transform((value, context) => {
  try {
    const text = String(value);
    if (!/^-?0$/.test(text) && !/[A-Za-z]$/.test(text)) {
      throw new Error(`units: unknown unit  in ${text}`); // as alecthomas/units says it, two spaces included
    }
    return text === '0' ? 0 : parseBytes(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

/** A limit; 0 is none. */
export const limit = z.number().int().min(0).default(0);

/** A mapping of texts, in which an empty value is an empty text. */
export const textMap = z.record(
  z.string(),
  scalarString.optional().transform((value) => value ?? ''),
);

const PATTERN = /^[^*]*(\*[^/]*)?$/;

/** Paths in whose last part a `*` may stand. @param what names them in the message */
export function pathPatterns(what: string) {
  const pattern = z.string().superRefine((path, context) => {
    if (!PATTERN.test(path))
      context.addIssue({ code: 'custom', message: `invalid ${what} path ${JSON.stringify(path)}` });
  });
  return z.array(pattern).default([]);
}

/** A list in which an empty item is told as that. */
export function items<Schema extends z.ZodType>(schema: Schema, nullMessage: string) {
  const item = z
    .unknown()
    .transform((value, context): unknown => {
      if (value !== null && value !== undefined) return value;
      context.addIssue({ code: 'custom', message: nullMessage });
      return z.NEVER;
    })
    .pipe(schema);
  return z.array(item).default([]);
}

/** In mappings, a key without a value is as if it were not there. */
export function nullsAsAbsent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(nullsAsAbsent);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, nullsAsAbsent(inner ?? undefined)]));
}
