/**
 * A PostgreSQL connection string as a URI. libpq's `host=… port=…` form is turned into one.
 * @throws Error, which never holds the string itself, as it may carry a password
 */
export function toConnectionUri(text: string): string {
  const trimmed = text.trim();
  if (/^postgres(ql)?:\/\//.test(trimmed)) {
    try {
      new URL(trimmed);
    } catch {
      throw new Error('the connection string is not a valid URI');
    }
    return trimmed;
  }
  const fields = new Map<string, string>();
  const pattern = /\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))/gy;
  let end = 0;
  for (const match of trimmed.matchAll(pattern)) {
    fields.set(match[1], match[2]?.replace(/\\(.)/g, '$1') ?? match[3]);
    end = match.index + match[0].length;
  }
  if (fields.size === 0 || end !== trimmed.length) {
    throw new Error('the connection string is neither a postgresql:// URI nor key=value pairs');
  }
  const uri = new URL('postgresql://localhost');
  uri.hostname = fields.get('host') ?? 'localhost';
  uri.port = fields.get('port') ?? '5432';
  uri.username = fields.get('user') ?? '';
  uri.password = fields.get('password') ?? '';
  uri.pathname = `/${fields.get('dbname') ?? ''}`;
  for (const key of ['sslmode', 'application_name', 'connect_timeout']) {
    const value = fields.get(key);
    if (value !== undefined) uri.searchParams.set(key, value);
  }
  return uri.href;
}

/** `host:port/database` of a connection string: what may be shown. */
export function publicName(uri: string): string {
  const { hostname, port, pathname } = new URL(uri);
  return `${hostname}:${port || '5432'}${pathname}`;
}
