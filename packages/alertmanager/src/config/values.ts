import { compileAnchored, Matcher, parseDuration, parseGoDuration } from '@avalanche/model';
import { httpClientSchema, tlsConfigSchema } from '@avalanche/web';
import { scalarString } from '@avalanche/yamlfile';
import { z } from 'zod';
import { parseMatchers } from '../matcher/parse.ts';

/**
 * The kinds of values of the file. As in Go, an empty text is one that is not given, and `key:` with nothing behind it is
 * the empty value of its kind, not its default.
 */

/** Turns a function that throws on bad input into a schema step. */
export function parsedBy<Out>(parse: (text: string) => Out) {
  return (text: string, context: z.RefinementCtx): Out => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  };
}

/** `schema` with Go's empty value for nothing, and a default for what is not there. */
function given<Schema extends z.ZodType>(schema: Schema, fallback: z.output<Schema>, empty: z.output<Schema>) {
  return z.preprocess((value) => (value === undefined ? fallback : value === null ? empty : value), schema);
}

/** A scalar, in Go's words where it is none. */
const scalar = z.preprocess((value, context) => {
  const kind = Array.isArray(value) ? 'seq' : 'map';
  if (typeof value === 'object' && value !== null) {
    context.addIssue({ code: 'custom', message: `cannot unmarshal !!${kind} into string` });
    return z.NEVER;
  }
  return value;
}, scalarString);

export function text(fallback = '') {
  return given(scalar, fallback, '');
}

/** A boolean; `isText` of the file may have left it a word. */
const bool = z.union([z.boolean(), z.enum(['true', 'false']).transform((word) => word === 'true')]);

export function flag(fallback = false) {
  return given(bool, fallback, false);
}

/** A boolean that says something else when it is not there. */
export const optionalFlag = optional(z.boolean());

export function integer(fallback = 0) {
  return given(z.number().int(), fallback, 0);
}

/** A number of things. */
export function count(fallback = 0) {
  return given(z.number().int().min(0), fallback, 0);
}

/** Of several values; nothing is none. */
export function list<Item extends z.ZodType>(item: Item) {
  return z.preprocess((value) => value ?? [], z.array(item));
}

export const textMap = z.preprocess((value) => value ?? {}, z.record(z.string(), text()));

/** Nothing where the key is not there, or has nothing behind it. */
export function optional<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => value ?? undefined, schema.optional());
}

const prometheusDuration = scalarString.transform(parsedBy(parseDuration));

/** `1m30s`, as milliseconds. */
export function duration(fallback = 0) {
  return z.preprocess((value) => value ?? `${fallback}ms`, prometheusDuration);
}

export const optionalDuration = optional(prometheusDuration);

/** Go's own durations, `1.5h`; a bare number is nanoseconds. As milliseconds. */
export function goDuration(fallbackMs = 0) {
  const schema = z.union([
    z.number().transform((nanoseconds) => nanoseconds / 1e6),
    z.string().transform(parsedBy(parseGoDuration)),
  ]);
  return z.preprocess((value) => (value === undefined ? `${fallbackMs}ms` : (value ?? 0)), schema);
}

/** How upstream's status shows a secret, and what it takes back for one. */
export const SECRET = '<secret>';

/** @throws Error in upstream's words where it is no address of a web server (upstream config.ParseURL) */
export function parseHttpUrl(address: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(address)?.[1].toLowerCase() ?? '';
  if (scheme !== 'http' && scheme !== 'https') throw new Error(`unsupported scheme ${JSON.stringify(scheme)} for URL`);
  if (/[\p{Cc} ]/u.test(address)) throw new Error(`parse ${JSON.stringify(address)}: invalid character in URL`);
  if (!/^[^:]+:\/\/[^/?#]/.test(address)) throw new Error('missing host for URL');
  if (!URL.canParse(address)) throw new Error(`parse ${JSON.stringify(address)}: invalid URL`);
  return address;
}

/** An address of a web server, or ''. */
export const url = z.preprocess(
  (value) => value ?? undefined,
  scalarString
    .transform(parsedBy(parseHttpUrl))
    .optional()
    .transform((address) => address ?? ''),
);

/** The address of an API whose paths are below it. */
export function withSlash(address: string): string {
  const [, path, rest] = /^([^?#]*)(.*)$/s.exec(address) ?? ['', address, ''];
  return path.endsWith('/') ? address : `${path}/${rest}`;
}

/** As `url`; what is told is not the address. */
export const secretUrl = z.preprocess(
  (value) => value ?? undefined,
  scalarString
    .transform(parsedBy((address) => (address === SECRET ? address : parseHttpUrl(address))))
    .optional()
    .transform((address) => address ?? ''),
);

export const httpConfig = optional(httpClientSchema);
export type HttpConfig = z.output<typeof httpClientSchema>;

export const tlsConfig = optional(tlsConfigSchema);

/** What every way of notifying has. */
export function notifierFields(sendResolved: boolean) {
  return { send_resolved: flag(sendResolved), http_config: httpConfig };
}

/** `matchers:` a list of texts, each with one or more matchers. */
export const matcherList = list(z.string().transform(parsedBy(parseMatchers))).transform((lists) => lists.flat());

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** A map from label names, as they were before UTF-8, to what `value` makes of texts. */
function byOldName<Out>(value: (text: string | null) => Out) {
  const parse = (map: Readonly<Record<string, unknown>>, context: z.RefinementCtx): (readonly [string, Out])[] =>
    Object.entries(map).map(([name, item]) => {
      try {
        if (!LABEL_NAME.test(name)) throw new Error(`invalid label name ${JSON.stringify(name)}`);
        return [name, value(item === null ? null : String(item))] as const;
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message, path: [name] });
        return z.NEVER;
      }
    });
  const scalar = z.union([scalarString, z.null()]);
  return z.preprocess((map) => map ?? {}, z.record(z.string(), scalar).transform(parse));
}

/** `match:` of old files. */
export const equalMatchers = byOldName((value) => value ?? '').transform((entries) =>
  entries.map(([name, value]) => new Matcher('=', name, value)),
);

/** `match_re:` of old files. There must be one, though it may be empty; upstream keeps it anchored, also in group keys. */
export const regexMatchers = byOldName((pattern) => {
  if (pattern === null) throw new Error('invalid regexp value');
  return compileAnchored(pattern).pattern;
}).transform((entries) => entries.map(([name, pattern]) => new Matcher('=~', name, `^(?:${pattern})$`)));

/** Says what is wrong with an object of the file, in upstream's words; nothing more is looked at after the first. */
export function refuse(context: z.RefinementCtx, message: string, path: PropertyKey[] = []): void {
  context.addIssue({ code: 'custom', message, path });
}

/** Refuses with the message of the first of `checks` that is wrong, at the key that it names. */
export function firstProblem(
  context: z.RefinementCtx,
  ...checks: readonly (readonly [wrong: boolean, message: string, key?: string])[]
): void {
  const found = checks.find(([wrong]) => wrong);
  if (!found) return;
  const [, message, key] = found;
  refuse(context, message, key === undefined ? [] : [key]);
}
