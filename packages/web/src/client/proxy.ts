import { BlockList, isIP } from 'node:net';
import type { ProxyConfig } from './schema.ts';

/** Which proxy stands before `url`, as Go's httpproxy decides it; null is none. */
export type ProxyFor = (url: URL) => URL | null;

export function proxyFunction(
  { proxy_url, no_proxy, proxy_from_environment }: ProxyConfig,
  environment: NodeJS.ProcessEnv = process.env,
): ProxyFor {
  if (proxy_from_environment) return fromEnvironment(environment);
  if (!proxy_url) return () => null;
  const proxy = parseProxy(proxy_url);
  if (!no_proxy) return () => proxy;
  const direct = directMatcher(no_proxy);
  return (url) => (direct(url) ? null : proxy);
}

function fromEnvironment(environment: NodeJS.ProcessEnv): ProxyFor {
  const value = (name: string) => environment[name.toUpperCase()] || environment[name] || '';
  const proxies: Readonly<Record<string, URL | null>> = {
    'http:': value('http_proxy') ? parseProxy(value('http_proxy')) : null,
    'https:': value('https_proxy') ? parseProxy(value('https_proxy')) : null,
  };
  const direct = directMatcher(value('no_proxy'));
  return (url) => (direct(url) ? null : (proxies[url.protocol] ?? null));
}

/** `host:port` alone is an HTTP proxy. @throws Error */
function parseProxy(text: string): URL {
  try {
    return new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  } catch {
    throw new Error(`invalid proxy address ${JSON.stringify(text)}`);
  }
}

/** Which addresses `no_proxy` takes out. Whatever is on this machine is reached directly, as in Go. */
function directMatcher(list: string): (url: URL) => boolean {
  const entries = list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '');
  if (entries.includes('*')) return () => true;
  const matchers = entries.map(entryMatcher);
  return (url) => {
    const host = hostOf(url);
    if (host === 'localhost' || /^127\./.test(host) || host === '::1') return true;
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    return matchers.some((matches) => matches(host, port));
  };
}

type EntryMatcher = (host: string, port: string) => boolean;

function entryMatcher(entry: string): EntryMatcher {
  if (entry.includes('/')) return rangeMatcher(entry);
  const [, name, port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [undefined, entry];
  const fits = (other: string) => port === '' || port === other;
  const bare = name.replace(/^\[|\]$/g, '');
  if (isIP(bare)) return (host, hostPort) => host === bare && fits(hostPort);
  const suffix = bare.replace(/^\*?\.?/, '.');
  const withDomain = !/^\*?\./.test(bare);
  return (host, hostPort) => (host.endsWith(suffix) || (withDomain && host === bare)) && fits(hostPort);
}

function rangeMatcher(entry: string): EntryMatcher {
  const [network, bits] = entry.split('/');
  const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  try {
    list.addSubnet(network, Number(bits), family);
  } catch {
    return () => false; // as in Go, what is no range matches nothing
  }
  return (host) => isIP(host) > 0 && list.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4');
}

/** A host without the brackets of IPv6 addresses. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
}
