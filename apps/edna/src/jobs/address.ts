import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { JobError } from '../errors.ts';

/** Addresses that a download must not reach: this machine, private networks, and cloud metadata services. */
const INTERNAL = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  INTERNAL.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::', 128],
  ['::1', 128],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  INTERNAL.addSubnet(network, prefix, 'ipv6');
}

export interface AddressPolicy {
  /** Lets downloads reach private networks too, for a laboratory's own mirror. */
  readonly allowPrivate: boolean;
  /** Origins (`http://host:port`) that are always allowed. */
  readonly origins: ReadonlySet<string>;
}

/** @throws JobError bad_url where the URL is not one that may be downloaded, as far as its text tells */
export function parseDownloadUrl(text: string, policy: AddressPolicy): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new JobError('bad_url', 'not an absolute URL');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new JobError('bad_url', 'only http and https URLs can be downloaded');
  }
  if (url.username !== '' || url.password !== '') throw new JobError('bad_url', 'the URL must not hold credentials');
  const host = hostOf(url);
  if (!isExempt(url, policy) && isIP(host) !== 0 && isInternal(host)) throw internal();
  return url;
}

/**
 * The addresses of the URL's host, each of them allowed. The connection must go to one of these: asking again would let
 * a name server answer differently the second time.
 * @throws JobError bad_url, or download_failed where the name is unknown
 */
export async function resolveAllowed(url: URL, policy: AddressPolicy): Promise<LookupAddress[]> {
  const addresses = await lookup(hostOf(url), { all: true }).catch((error: unknown) => {
    throw new JobError('download_failed', `the host ${url.hostname} is unknown`, { cause: error });
  });
  if (!isExempt(url, policy) && addresses.some(({ address }) => isInternal(address))) throw internal();
  return addresses;
}

function isExempt(url: URL, policy: AddressPolicy): boolean {
  return policy.allowPrivate || policy.origins.has(url.origin);
}

function isInternal(address: string): boolean {
  // BlockList itself judges IPv4 addresses mapped into IPv6 by the IPv4 rules.
  return INTERNAL.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function internal(): JobError {
  return new JobError('bad_url', 'the URL leads to an internal address');
}

const SOURCES: readonly (readonly [suffix: string, source: string])[] = [
  ['ncbi.nlm.nih.gov', 'ncbi'],
  ['ebi.ac.uk', 'ena'],
  ['arb-silva.de', 'silva'],
  ['unite.ut.ee', 'unite'],
  ['boldsystems.org', 'bold'],
  ['gbif.org', 'gbif'],
  ['zenodo.org', 'zenodo'],
];

/** The values of the label `source`. */
export const DOWNLOAD_SOURCES: readonly string[] = [...SOURCES.map(([, source]) => source), 'local', 'other'];

/** Where a URL belongs, out of a small set: a label must not grow with what clients ask for. */
export function sourceOf(url: URL, policy: AddressPolicy): string {
  if (policy.origins.has(url.origin)) return 'local';
  const host = url.hostname.toLowerCase();
  return SOURCES.find(([suffix]) => host === suffix || host.endsWith(`.${suffix}`))?.[1] ?? 'other';
}
