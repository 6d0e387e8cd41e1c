import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';

/** A broker address as kombu writes them, taken apart. */
export interface BrokerAddress {
  readonly transport: 'redis' | 'sentinel' | 'socket' | 'amqp';
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** What follows the host, without its first slash: a database, a virtual host, or a socket's path. */
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
  /** The address without its password. */
  readonly shown: string;
}

type Transport = Pick<BrokerAddress, 'transport' | 'tls'> & { readonly port: number };

const TRANSPORTS: Readonly<Record<string, Transport>> = {
  redis: { transport: 'redis', tls: false, port: 6379 },
  rediss: { transport: 'redis', tls: true, port: 6379 },
  sentinel: { transport: 'sentinel', tls: false, port: 26379 },
  'redis+socket': { transport: 'socket', tls: false, port: 0 },
  unix: { transport: 'socket', tls: false, port: 0 },
  amqp: { transport: 'amqp', tls: false, port: 5672 },
  pyamqp: { transport: 'amqp', tls: false, port: 5672 },
  amqps: { transport: 'amqp', tls: true, port: 5671 },
};

/**
 * The addresses in a broker URL; several, for failover and for sentinels, are separated by semicolons.
 * @throws Error without the address, which may hold a password
 */
export function parseBrokerUrl(url: string): readonly BrokerAddress[] {
  const parts = url.split(';').map((part) => part.trim());
  const first = /^[\w+]+:\/\//.exec(parts[0] ?? '')?.[0] ?? '';
  return parts.filter((part) => part !== '').map((part) => parseOne(part.includes('://') ? part : `${first}${part}`));
}

/** As `new URL` refuses a password with a slash, which kombu takes, and knows nothing of our schemes. */
function parseOne(url: string): BrokerAddress {
  const match = /^([\w+]+):\/\/(?:(.*)@)?(\[[^\]]+\]|[^:/?]*)(?::(\d+))?(?:\/([^?]*))?(?:\?(.*))?$/s.exec(url);
  if (!match) throw new Error('the broker URL is not of the form transport://user:password@host:port/path');
  const [, scheme, credentials = '', host, port, path = '', query = ''] = match;
  const known = Object.hasOwn(TRANSPORTS, scheme) ? TRANSPORTS[scheme] : undefined;
  if (!known) {
    throw new Error(`no transport ${JSON.stringify(scheme)}; there are ${Object.keys(TRANSPORTS).join(', ')}`);
  }
  const colon = credentials.indexOf(':');
  const user = colon < 0 ? credentials : credentials.slice(0, colon);
  const password = colon < 0 ? '' : credentials.slice(colon + 1);
  const at = credentials === '' ? '' : `${user}${password === '' ? '' : ':**'}@`;
  const hostname = host === '' && known.transport !== 'socket' ? 'localhost' : host;
  const shownPort = known.port === 0 ? '' : `:${port ?? known.port}`;
  return {
    ...known,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port ?? known.port),
    user: decodeURIComponent(user),
    password: decodeURIComponent(password),
    path: decodeURIComponent(path),
    query: new Map(new URLSearchParams(query)),
    shown: `${scheme}://${at}${hostname}${shownPort}/${path}`,
  };
}

/** An option of a transport or of TLS: a number, JSON, or text. */
export type OptionValue = unknown;
export type BrokerOptions = Readonly<Record<string, OptionValue>>;

/** Reads `key=value` pairs: digits are a number, and what is JSON is taken as that. @throws Error naming the pair */
export function parseOptions(pairs: readonly string[]): BrokerOptions {
  const options: Record<string, OptionValue> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new Error(`not of the form key=value: ${JSON.stringify(pair)}`);
    options[pair.slice(0, at)] = optionValue(pair.slice(at + 1));
  }
  return options;
}

function optionValue(text: string): OptionValue {
  if (/^\d+$/.test(text)) return Number(text);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

type TlsOptions = Pick<
  ConnectionOptions,
  'host' | 'servername' | 'rejectUnauthorized' | 'checkServerIdentity' | 'ca' | 'cert' | 'key'
>;

/**
 * TLS as `--broker-ssl-option` and the address's query say, in the words of redis-py (`ssl_ca_certs`) or of py-amqp
 * (`ca_certs`); undefined where there is none.
 * @throws Error naming a file that cannot be read
 */
export function tlsOptions(address: BrokerAddress, options: BrokerOptions): TlsOptions | undefined {
  if (!address.tls && Object.keys(options).length === 0) return undefined;
  const value = (name: string) => options[`ssl_${name}`] ?? options[name] ?? address.query.get(`ssl_${name}`);
  const file = (name: string) => {
    const path = value(name);
    return path === undefined ? undefined : readFileSync(String(path));
  };
  const verification = String(value('cert_reqs') ?? 'required').toLowerCase();
  const anyName = ['false', '0'].includes(String(value('check_hostname') ?? 'true').toLowerCase());
  return {
    host: address.host,
    ...(/[a-z]/i.test(address.host) ? { servername: address.host } : {}),
    rejectUnauthorized: !/^(0|(cert_)?none)$/.test(verification),
    ...(anyName ? { checkServerIdentity: () => undefined } : {}),
    ...definedOnly({ ca: file('ca_certs'), cert: file('certfile'), key: file('keyfile') }),
  };
}

function definedOnly<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
