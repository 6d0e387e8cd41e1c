import { orEmpty, scalarString, unsupported } from '@avalanche/yamlfile';
import { z } from 'zod';

const TLS_VERSIONS = ['TLS10', 'TLS11', 'TLS12', 'TLS13'] as const;
export type TlsVersionName = (typeof TLS_VERSIONS)[number];

const text = scalarString.optional();

/** `TLS12` and so on, in upstream's spelling. */
const tlsVersion = z.string().transform((name, context): TlsVersionName => {
  const known = TLS_VERSIONS.find((version) => version === name);
  if (known) return known;
  context.addIssue({ code: 'custom', message: `unknown TLS version: ${name}` });
  return z.NEVER;
});

/** What of several ways to give one thing has been given: an empty text is none. */
function given(...values: readonly (string | undefined)[]): number {
  return values.filter((value) => value !== undefined && value !== '').length;
}

export const tlsConfigSchema = z
  .strictObject({
    ca: text,
    cert: text,
    key: text,
    ca_file: text,
    cert_file: text,
    key_file: text,
    ...unsupported('ca_ref', 'cert_ref', 'key_ref'),
    server_name: text,
    insecure_skip_verify: z.boolean().default(false),
    min_version: tlsVersion.optional(),
    max_version: tlsVersion.optional(),
  })
  .superRefine((tls, context) => {
    const problem = tlsProblem(tls);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  });

export type TlsConfig = z.output<typeof tlsConfigSchema>;

type TlsFields = Partial<Record<'ca' | 'ca_file' | 'cert' | 'cert_file' | 'key' | 'key_file', string | undefined>>;

function tlsProblem({ ca, ca_file, cert, cert_file, key, key_file }: TlsFields): string | null {
  if (given(ca, ca_file) > 1) return 'at most one of ca, ca_file & ca_ref must be configured';
  if (given(cert, cert_file) > 1) return 'at most one of cert, cert_file & cert_ref must be configured';
  if (given(key, key_file) > 1) return 'at most one of key and key_file must be configured';
  const certs = given(cert, cert_file);
  const keys = given(key, key_file);
  if (certs > keys) return 'exactly one of key or key_file must be configured when a client certificate is configured';
  if (keys > certs) return 'exactly one of cert or cert_file must be configured when a client key is configured';
  return null;
}

const tlsConfig = orEmpty(tlsConfigSchema.prefault({}));

const url = scalarString.refine((value) => value === '' || /^[a-z][a-z0-9+.-]*:/i.test(value), {
  message: 'not a URL with a scheme',
});

const proxyFields = {
  proxy_url: url.optional(),
  no_proxy: text,
  proxy_from_environment: z.boolean().default(false),
  proxy_connect_header: z.record(z.string(), z.array(scalarString)).optional(),
};

/** How to reach servers through a proxy. */
export interface ProxyConfig {
  readonly proxy_url?: string | undefined;
  readonly no_proxy?: string | undefined;
  readonly proxy_from_environment: boolean;
  readonly proxy_connect_header?: Readonly<Record<string, readonly string[]>> | undefined;
}

function proxyProblem({ proxy_url, no_proxy, proxy_from_environment, proxy_connect_header }: ProxyConfig) {
  const hasUrl = given(proxy_url) > 0;
  const headers = Object.keys(proxy_connect_header ?? {}).length;
  if (headers > 0 && !proxy_from_environment && !hasUrl) {
    return 'if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured';
  }
  if (proxy_from_environment && hasUrl) {
    return 'if proxy_from_environment is configured, proxy_url must not be configured';
  }
  if (proxy_from_environment && given(no_proxy)) {
    return 'if proxy_from_environment is configured, no_proxy must not be configured';
  }
  if (!hasUrl && given(no_proxy)) return 'if no_proxy is configured, proxy_url must also be configured';
  return null;
}

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const oauth2 = z.strictObject({
  client_id: text,
  client_secret: text,
  client_secret_file: text,
  client_certificate_key_id: text,
  client_certificate_key: text,
  client_certificate_key_file: text,
  ...unsupported('client_secret_ref', 'client_certificate_key_ref'),
  grant_type: text,
  signature_algorithm: text,
  iss: text,
  audience: text,
  claims: z.record(z.string(), z.unknown()).optional(),
  scopes: orEmpty(z.array(scalarString).default([])),
  token_url: text,
  endpoint_params: orEmpty(z.record(z.string(), scalarString).default({})),
  tls_config: tlsConfig,
  ...proxyFields,
});
export type OAuth2Config = z.output<typeof oauth2>;

const header = z.strictObject({
  values: z.array(scalarString).optional(),
  secrets: z.array(scalarString).optional(),
  files: z.array(z.string()).optional(),
});

/** Headers that change the connection or that a server's own code sets, as prometheus/common lists them. */
const RESERVED = new Set([
  ...['Authorization', 'Host', 'Content-Encoding', 'Content-Length', 'Content-Type', 'User-Agent', 'Connection'],
  ...['Keep-Alive', 'Proxy-Authenticate', 'Proxy-Authorization', 'Www-Authenticate', 'Accept-Encoding'],
  ...['X-Prometheus-Remote-Write-Version', 'X-Prometheus-Remote-Read-Version', 'X-Prometheus-Scrape-Timeout-Seconds'],
  ...['X-Amz-Date', 'X-Amz-Security-Token', 'X-Amz-Content-Sha256'],
]);

function canonicalHeader(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/**
 * The keys of prometheus/common's HTTPClientConfig, to be spread into the strict object of whatever is reached by HTTP;
 * that object's checks must call `checkHttpClient`.
 */
export const httpClientFields = {
  basic_auth: z
    .strictObject({
      username: text,
      username_file: text,
      password: text,
      password_file: text,
      ...unsupported('username_ref', 'password_ref'),
    })
    .optional(),
  authorization: z
    .strictObject({
      type: scalarString.default('').transform((type) => type.trim() || 'Bearer'),
      credentials: text,
      credentials_file: text,
      ...unsupported('credentials_ref'),
    })
    .optional(),
  oauth2: oauth2.optional(),
  bearer_token: text,
  bearer_token_file: text,
  tls_config: tlsConfig,
  follow_redirects: z.boolean().default(true),
  enable_http2: z.boolean().default(true),
  ...proxyFields,
  http_headers: z.record(z.string(), header).optional(),
};

const fields = z.strictObject(httpClientFields);

/** How to reach a server by HTTP. Paths of files are as `resolvePaths` left them. */
export type HttpClientConfig = z.output<typeof fields>;

/** The check of whatever spreads `httpClientFields`: what contradicts itself, in upstream's words. */
export function checkHttpClient(config: HttpClientConfig, context: z.core.$RefinementCtx): void {
  const problem = clientProblem(config);
  if (problem) context.addIssue({ code: 'custom', message: problem });
}

/** `http_config` and the file of `promtool --http.config.file`: nothing but the client's keys. */
export const httpClientSchema = fields.superRefine(checkHttpClient);

function clientProblem(config: HttpClientConfig): string | null {
  return authProblem(config) ?? oauth2Problem(config) ?? proxyProblem(config) ?? headersProblem(config);
}

function authProblem(config: HttpClientConfig): string | null {
  const { basic_auth, authorization, oauth2: oauth, bearer_token, bearer_token_file } = config;
  const bearers = given(bearer_token, bearer_token_file);
  if (bearers > 1) return 'at most one of bearer_token & bearer_token_file must be configured';
  if ((basic_auth || oauth) && bearers > 0) {
    return 'at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured';
  }
  if (given(basic_auth?.username, basic_auth?.username_file) > 1) {
    return 'at most one of basic_auth username, username_file & username_ref must be configured';
  }
  if (given(basic_auth?.password, basic_auth?.password_file) > 1) {
    return 'at most one of basic_auth password, password_file & password_ref must be configured';
  }
  if (authorization && bearers > 0) return 'authorization is not compatible with bearer_token & bearer_token_file';
  if (given(authorization?.credentials, authorization?.credentials_file) > 1) {
    return 'at most one of authorization credentials & credentials_file must be configured';
  }
  if (authorization?.type.toLowerCase() === 'basic') {
    return 'authorization type cannot be set to "basic", use "basic_auth" instead';
  }
  if ([basic_auth, oauth, authorization].filter(Boolean).length > 1) {
    return 'at most one of basic_auth, oauth2 & authorization must be configured';
  }
  return null;
}

function oauth2Problem({ oauth2: oauth }: HttpClientConfig): string | null {
  if (!oauth) return null;
  if (!oauth.client_id) return 'oauth2 client_id must be configured';
  if (!oauth.token_url) return 'oauth2 token_url must be configured';
  const { grant_type, signature_algorithm, client_certificate_key, client_certificate_key_file } = oauth;
  if (grant_type === JWT_BEARER) {
    if (given(client_certificate_key, client_certificate_key_file) > 1) {
      return `at most one of oauth2 client_certificate_key, client_certificate_key_file & client_certificate_key_ref must be configured using grant-type=${JWT_BEARER}`;
    }
    if (signature_algorithm && !/^RS(256|384|512)$/.test(signature_algorithm)) {
      return 'valid signature algorithms are RS256, RS384 and RS512';
    }
  } else if (given(oauth.client_secret, oauth.client_secret_file) > 1) {
    return 'at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured using grant-type=client_credentials';
  }
  return null;
}

function headersProblem({ http_headers }: HttpClientConfig): string | null {
  const reserved = Object.keys(http_headers ?? {}).find((name) => RESERVED.has(canonicalHeader(name)));
  return reserved === undefined ? null : `setting header "${canonicalHeader(reserved)}" is not allowed`;
}
