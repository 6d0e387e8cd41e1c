/** Where a server is. */
export interface RedisAddress {
  /** `redis://…` or `rediss://…` without a password, as password files name servers; '' of a Unix socket. */
  readonly uri: string;
  readonly isTls: boolean;
  /** Path of a Unix socket; '' where there is a host. */
  readonly path: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly db: number;
}

/**
 * Reads `redis://`, `rediss://`, `valkey://`, `valkeys://`, `unix://`, or `host:port`.
 * @throws Error, which does not hold the address, as it may carry a password
 */
export function parseRedisAddress(text: string): RedisAddress {
  const unix = /^unix:\/\/(.+)$/.exec(text)?.[1];
  if (unix !== undefined) return { ...NOWHERE, path: unix };
  const named = /^[a-z]+:\/\//i.test(text) ? text : `redis://${text}`;
  let url: URL;
  try {
    url = new URL(named.replace(/^valkey(s?):/i, 'redis$1:'));
  } catch {
    throw new Error('the address of the server is not a valid URI');
  }
  const isTls = url.protocol === 'rediss:';
  if (!isTls && url.protocol !== 'redis:')
    throw new Error(`a server is named by redis:// or rediss://, not ${url.protocol}//`);
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  const db = Number(/^\/(\d+)$/.exec(url.pathname)?.[1] ?? 0);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost';
  const port = Number(url.port) || 6379;
  url.password = '';
  return { uri: url.href, isTls, path: '', host, port, user, password, db };
}

const NOWHERE: RedisAddress = {
  uri: '',
  isTls: false,
  path: '',
  host: '',
  port: 0,
  user: '',
  password: '',
  db: 0,
};

/** What may be shown of an address. */
export function publicAddress({ path, host, port }: RedisAddress): string {
  return path === '' ? `${host}:${port}` : path;
}
