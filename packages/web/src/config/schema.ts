import { scalarString } from '@avalanche/yamlfile';
import { z } from 'zod';

/** Headers that may be set, with the values that are allowed where they are an enumeration. */
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'Strict-Transport-Security': [],
  'X-Content-Type-Options': ['nosniff'],
  'X-Frame-Options': ['deny', 'sameorigin'],
  'X-XSS-Protection': [],
  'Content-Security-Policy': [],
};

/** Go's names of cipher suites with OpenSSL's; those of TLS 1.3 are always on, as in Go. */
const CIPHERS: Readonly<Record<string, string>> = {
  TLS_RSA_WITH_RC4_128_SHA: 'RC4-SHA',
  TLS_RSA_WITH_3DES_EDE_CBC_SHA: 'DES-CBC3-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA256: 'AES128-SHA256',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_RC4_128_SHA: 'ECDHE-ECDSA-RC4-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_RC4_128_SHA: 'ECDHE-RSA-RC4-SHA',
  TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: 'ECDHE-RSA-DES-CBC3-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
  TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
};
const CURVES: Readonly<Record<string, string>> = {
  CurveP256: 'P-256',
  CurveP384: 'P-384',
  CurveP521: 'P-521',
  X25519: 'X25519',
};

/** A word of a table, as what the table has for it. @param unknown begins the message */
const word = (table: Readonly<Record<string, string>>, unknown: string) =>
  scalarString.transform((name, context) => {
    if (Object.hasOwn(table, name)) return table[name];
    context.addIssue({ code: 'custom', message: `${unknown}${name}` });
    return z.NEVER;
  });

const VERSIONS = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;
const version = scalarString.transform((name, context) => {
  if (Object.hasOwn(VERSIONS, name)) return VERSIONS[name as keyof typeof VERSIONS];
  context.addIssue({ code: 'custom', message: `unknown TLS version: ${name}` });
  return z.NEVER;
});

const text = scalarString.default('');

const tlsServerConfig = z.strictObject({
  cert: text,
  key: text,
  client_ca: text,
  cert_file: text,
  key_file: text,
  client_auth_type: text,
  client_ca_file: text,
  cipher_suites: z.array(word(CIPHERS, 'unknown cipher: ')).default([]),
  curve_preferences: z.array(word(CURVES, 'unknown curve: ')).default([]),
  min_version: version.default('TLSv1.2'),
  max_version: version.default('TLSv1.3'),
  prefer_server_cipher_suites: z.boolean().default(true),
  client_allowed_sans: z.array(scalarString).optional(),
});

/** The `tls_server_config` of a web configuration file, in Node's words where Go has others. */
export type TlsServerConfig = z.output<typeof tlsServerConfig>;

const headers = z.record(z.string(), scalarString).superRefine((given, context) => {
  for (const [name, value] of Object.entries(given)) {
    const problem = headerProblem(name, value);
    if (problem) context.addIssue({ code: 'custom', message: problem, path: [name] });
  }
});

function headerProblem(name: string, value: string): string | null {
  if (!Object.hasOwn(HEADERS, name)) return `HTTP header ${JSON.stringify(name)} can not be configured`;
  const allowed = HEADERS[name];
  if (allowed.length === 0 || allowed.includes(value)) return null;
  const list = allowed.map((word) => JSON.stringify(word)).join(' ');
  return `invalid value for ${name}. Expected one of: [${list}], but got: ${JSON.stringify(value)}`;
}

const DURATION = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/;
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration of Go (`1.5s`), as milliseconds. */
const goDuration = scalarString.transform((given, context) => {
  if (given !== '0' && !DURATION.test(given)) {
    context.addIssue({ code: 'custom', message: `time: invalid duration ${JSON.stringify(given)}` });
    return z.NEVER;
  }
  let ms = 0;
  for (const [, count, unit] of given.matchAll(/([\d.]+)([a-zµ]+)/g)) ms += Number(count) * UNITS[unit];
  return ms;
});

const orNothing = <Schema extends z.ZodType>(schema: Schema) => z.preprocess((value) => value ?? {}, schema);

/** The file of `--web.config.file` (prometheus/exporter-toolkit). */
export const webConfigSchema = z.strictObject({
  tls_server_config: orNothing(tlsServerConfig),
  http_server_config: orNothing(z.strictObject({ http2: z.boolean().default(true), headers: orNothing(headers) })),
  rate_limit: orNothing(z.strictObject({ burst: z.number().int().default(0), interval: goDuration.default(0) })),
  basic_auth_users: orNothing(z.record(z.string(), scalarString)),
});

export type WebConfigFile = z.output<typeof webConfigSchema>;
