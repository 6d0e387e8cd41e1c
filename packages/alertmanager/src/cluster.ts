import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { newUlid } from '@avalanche/model';

/** This process as a cluster's member, as `/api/v2/status` shows it. */
export interface ClusterPeer {
  readonly name: string;
  /** Where others would reach it: `HOST:PORT`. */
  readonly address: string;
}

export interface ClusterOptions {
  /** `--cluster.listen-address`; empty means that there is no cluster. */
  readonly listenAddress: string;
  readonly advertiseAddress: string;
  /** Empty: one is drawn. */
  readonly peerName: string;
}

/**
 * The only peer of a cluster of one, or undefined where clustering is off. Nothing listens on its address: alerts are
 * not gossiped.
 * @throws Error with upstream's wording where an address is not HOST:PORT
 */
export function onlyPeer(
  { listenAddress, advertiseAddress, peerName }: ClusterOptions,
  now: number,
): ClusterPeer | undefined {
  if (listenAddress === '') return undefined;
  const listen = splitAddress(listenAddress, 'listen');
  const advertise = advertiseAddress === '' ? undefined : splitAddress(advertiseAddress, 'advertise');
  const host = advertise?.host ?? (isAny(listen.host) ? privateAddress() : listen.host);
  const port = advertise?.port ?? listen.port;
  return { name: peerName || newUlid(now), address: `${isIP(host) === 6 ? `[${host}]` : host}:${port}` };
}

function splitAddress(text: string, what: string): { host: string; port: string } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(text);
  if (!match) throw new Error(`invalid ${what} address: address ${text}: missing port in address`);
  const port = match[3];
  if (!/^\d+$/.test(port)) throw new Error(`address ${text}: invalid port: ${JSON.stringify(port)}`);
  return { host: match[1] ?? match[2] ?? '', port };
}

function isAny(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}

const PRIVATE = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/;

function privateAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = addresses.filter(({ internal, family }) => !internal && family === 'IPv4');
  return (outside.find(({ address }) => PRIVATE.test(address)) ?? outside[0])?.address ?? '127.0.0.1';
}
