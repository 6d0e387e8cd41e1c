import { compileAnchored, Matcher } from '@avalanche/model';
import { durationMs, scalarString, unsupported } from '@avalanche/yamlfile';
import { z } from 'zod';
import { parseMatchers } from '../matcher/parse.ts';

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

export const positiveDuration = durationMs.refine((ms) => ms > 0, { message: 'cannot be zero' });

/** `matchers:` a list of texts, each with one or more matchers. */
export const matcherList = z
  .array(z.string().transform(parsedBy(parseMatchers)))
  .transform((lists) => lists.flat())
  .default([]);

/** `match:` of old files. */
export const equalMatchers = z
  .record(z.string(), scalarString)
  .transform((map) => Object.entries(map).map(([name, value]) => new Matcher('=', name, value)))
  .default([]);

/** `match_re:` of old files. */
export const regexMatchers = z
  .record(z.string(), scalarString.transform(parsedBy(compileAnchored)))
  .transform((map) => Object.entries(map).map(([name, { pattern }]) => new Matcher('=~', name, pattern)))
  .default([]);

export const httpUrl = z.string().transform(
  parsedBy((text) => {
    const url = new URL(text);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error(`unsupported scheme "${url.protocol}"`);
    return text;
  }),
);

const basicAuth = z.strictObject({
  username: scalarString.optional(),
  username_file: z.string().optional(),
  password: scalarString.optional(),
  password_file: z.string().optional(),
});

const authorization = z.strictObject({
  type: z.string().default('Bearer'),
  credentials: z.string().optional(),
  credentials_file: z.string().optional(),
});

/** `http_config`: who we are to the receiver. */
export const httpConfig = z.strictObject({
  basic_auth: basicAuth.optional(),
  authorization: authorization.optional(),
  bearer_token: z.string().optional(),
  bearer_token_file: z.string().optional(),
  follow_redirects: z.boolean().default(true),
  enable_http2: z.boolean().default(true),
  ...unsupported('oauth2', 'tls_config', 'proxy_url', 'no_proxy', 'proxy_from_environment', 'proxy_connect_header'),
  ...unsupported('http_headers'),
});

export type HttpConfig = z.output<typeof httpConfig>;

export const tlsConfig = z.strictObject({
  ca_file: z.string().optional(),
  cert_file: z.string().optional(),
  key_file: z.string().optional(),
  server_name: z.string().optional(),
  insecure_skip_verify: z.boolean().default(false),
  ...unsupported('ca', 'cert', 'key', 'min_version', 'max_version', 'ca_ref', 'cert_ref', 'key_ref'),
});

export type TlsConfig = z.output<typeof tlsConfig>;
