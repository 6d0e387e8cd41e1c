import { parseDuration } from '@avalanche/model';
import { z } from 'zod';

/** A Prometheus duration such as `1m30s`, as milliseconds. */
export const durationMs = z.string().transform((text, context) => {
  try {
    return parseDuration(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

/** A scalar that YAML may have read as a number or boolean, as the string that was meant. */
export const scalarString = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** A mapping of label names to values. */
export const labelMap = z.record(z.string(), scalarString);

/** A mapping that may be left empty in the file (`key:` alone), which YAML reads as null. */
export function orEmpty<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => value ?? undefined, schema);
}

/** Keys that upstream knows and that this version refuses by name rather than ignores. */
export function unsupported(...keys: readonly string[]): Record<string, z.ZodType<undefined, undefined>> {
  const refused = (key: string) =>
    z.unknown().transform((_value, context): undefined => {
      context.addIssue({ code: 'custom', message: `${key} is not supported yet` });
      return z.NEVER;
    });
  return Object.fromEntries(keys.map((key) => [key, refused(key).optional()])) as Record<
    string,
    z.ZodType<undefined, undefined>
  >;
}
