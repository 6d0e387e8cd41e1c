import { userInfo } from 'node:os';

export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

/** How to reach one database, from a connection string and the environment as libpq reads them. */
export interface DataSource {
  /** A host name, an address, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Where it is undefined, the password file is asked. */
  readonly password: string | undefined;
  readonly passfile: string | undefined;
  readonly database: string;
  readonly applicationName: string;
  readonly sslmode: SslMode;
  readonly sslrootcert: string | undefined;
  readonly sslcert: string | undefined;
  readonly sslkey: string | undefined;
  /** Switches for the server, such as `-c search_path=x`. */
  readonly options: string;
  /** Milliseconds; undefined where the string names none. */
  readonly connectTimeoutMs: number | undefined;
  /** `host:port` as the connection string has it: the label `server`. */
  readonly server: string;
}

const PARAMETERS: ReadonlySet<string> = new Set([
  ...['host', 'port', 'user', 'password', 'passfile', 'dbname', 'application_name', 'fallback_application_name'],
  ...['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'options', 'connect_timeout'],
]);
/** Known to libpq or lib/pq and without meaning here. */
const WITHOUT_MEANING: ReadonlySet<string> = new Set([
  ...['sslinline', 'sslsni', 'sslcompression', 'sslcrl', 'sslpassword', 'binary_parameters', 'client_encoding'],
  ...['keepalives', 'keepalives_idle', 'keepalives_interval', 'keepalives_count', 'tcp_user_timeout', 'gssencmode'],
  ...['krbsrvname', 'krbspn', 'target_session_attrs', 'channel_binding', 'datestyle', 'disable_prepared_binary_result'],
]);

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a connection string: a `postgresql://` URI or libpq's `host=… port=…` form. What it leaves out comes from the `PG*`
 * variables. A key that is no parameter of a connection is a setting of the session, as in lib/pq.
 * @throws Error, which never holds the string itself, as it may carry a password
 */
export function parseDataSource(text: string, env: Environment = {}): DataSource {
  const trimmed = text.trim();
  const fields = isUri(trimmed) ? uriFields(trimmed) : pairFields(trimmed);
  const get = (name: string, variable: string) => fields.get(name) || env[variable] || undefined;
  const user = get('user', 'PGUSER') ?? userInfo().username;
  const sslmode = get('sslmode', 'PGSSLMODE') ?? 'prefer';
  if (!isSslMode(sslmode)) throw new Error(`sslmode must be one of ${SSL_MODES.join(', ')}`);
  const connectTimeout = get('connect_timeout', 'PGCONNECT_TIMEOUT');
  return {
    host: get('host', 'PGHOST') ?? 'localhost',
    port: portOf(get('port', 'PGPORT') ?? '5432'),
    user,
    password: get('password', 'PGPASSWORD'),
    passfile: get('passfile', 'PGPASSFILE'),
    database: get('dbname', 'PGDATABASE') ?? user,
    applicationName:
      get('application_name', 'PGAPPNAME') ?? fields.get('fallback_application_name') ?? 'postgres_exporter',
    sslmode,
    sslrootcert: get('sslrootcert', 'PGSSLROOTCERT'),
    sslcert: get('sslcert', 'PGSSLCERT'),
    sslkey: get('sslkey', 'PGSSLKEY'),
    options: sessionOptions(get('options', 'PGOPTIONS') ?? '', fields),
    connectTimeoutMs: Number(connectTimeout) > 0 ? Number(connectTimeout) * 1000 : undefined,
    server: `${fields.get('uri host') ?? fields.get('host') ?? 'localhost'}:${fields.get('port') ?? '5432'}`,
  };
}

/** `host:port/database` of a source: what may be shown. */
export function publicName({ host, port, database }: DataSource): string {
  return `${host}:${port}/${database}`;
}

function isUri(text: string): boolean {
  return /^postgres(ql)?:\/\//.test(text);
}

function isSslMode(text: string): text is SslMode {
  return (SSL_MODES as readonly string[]).includes(text);
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) throw new Error('the port of the connection string is no port');
  return port;
}

/** Fields of a URI; those of its query do not replace what stands before it, apart from the host of a socket. */
function uriFields(text: string): Map<string, string> {
  let uri: URL;
  const fields = new Map<string, string>();
  const set = (name: string, value: string) => {
    if (value !== '') fields.set(name, value);
  };
  try {
    uri = new URL(text);
    const host = decodeURIComponent(uri.hostname).replace(/^\[(.*)\]$/, '$1');
    set('uri host', host || 'localhost');
    set('host', host);
    set('port', uri.port);
    set('user', decodeURIComponent(uri.username));
    set('password', decodeURIComponent(uri.password));
    set('dbname', decodeURIComponent(uri.pathname.slice(1)));
  } catch {
    throw new Error('the connection string is not a valid URI');
  }
  for (const [name, value] of uri.searchParams) if (!fields.has(name)) set(name, value);
  return fields;
}

function pairFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  const pattern = /\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\]|\\.)*))/gy;
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    fields.set(match[1], (match[2] ?? match[3] ?? '').replace(/\\(.)/g, '$1'));
    end = match.index + match[0].length;
  }
  if (fields.size === 0 || end !== text.length) {
    throw new Error('the connection string is neither a postgresql:// URI nor key=value pairs');
  }
  return fields;
}

/** The switches with which the session's own settings of a connection string are added to `options`. */
function sessionOptions(options: string, fields: ReadonlyMap<string, string>): string {
  let all = options;
  for (const [name, value] of fields) {
    if (PARAMETERS.has(name) || WITHOUT_MEANING.has(name) || name === 'uri host') continue;
    if (!/^\w+(\.\w+)?$/.test(name)) throw new Error('the connection string has a key that is no parameter');
    all += ` -c ${name}=${value.replace(/[\\\s]/g, '\\$&')}`;
  }
  return all.trim();
}
