import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { FastifyRequest } from 'fastify';
import { ApiError } from './errors.ts';

/** What is looked at of a request; `host` is the Host header, or what HTTP/2 has in its place. */
type Asking = Pick<FastifyRequest, 'headers' | 'host'>;

/** By which names pages may know this server. */
export interface OwnNames {
  /** What it listens on. */
  readonly listenHost: string;
  /** The URL under which people reach it; '' while it is not known. */
  readonly externalUrl: () => string;
}

/**
 * Keeps pages of other hosts from having this server do something that upstream's API does not do for everybody. Another
 * port of the same host is the stack's own UI; behind a proxy that asks in its own name the pages are those of the
 * external URL. Whoever owns a name can let it lead to our address (DNS rebinding): the browser then takes their page for
 * one of ours, Origin and Host agree, and only the name tells. What no browser asks (amtool, curl, the Grafana door's
 * proxy) is not looked at.
 */
export class PageGuard {
  constructor(private readonly names: OwnNames) {}

  /** @throws ApiError */
  refuseOtherSites({ headers: { origin, 'sec-fetch-site': site }, host }: Asking): void {
    if (origin === undefined && site === undefined) return;
    const to = hostnameOf(`http://${host}`);
    if (!this.isOwn(to)) {
      throw new ApiError(403, `this server does not know itself as ${JSON.stringify(to)}: see --web.external-url`);
    }
    const isOther = origin === undefined ? site === 'cross-site' : !this.isSameSite(hostnameOf(origin), to);
    if (isOther) throw new ApiError(403, 'this is done only for pages of this host');
  }

  private isSameSite(from: string, to: string): boolean {
    const isSame = from === to || (isLoopback(from) && isLoopback(to));
    return from !== '' && (isSame || from === hostnameOf(this.names.externalUrl()));
  }

  /** An address cannot be made to lead elsewhere; of names, those that only we or this network decide about. */
  private isOwn(name: string): boolean {
    if (isIP(name.replace(/^\[|\]$/g, '')) !== 0) return true;
    const machine = hostname().toLowerCase();
    const own = ['localhost', machine, `${machine}.local`, this.names.listenHost.toLowerCase()];
    return own.includes(name) || (name !== '' && name === hostnameOf(this.names.externalUrl()));
  }
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || (isIP(name) !== 0 && name.startsWith('127.'));
}

/** In lower case, an IPv6 address in brackets; '' where there is none. */
function hostnameOf(address: string): string {
  return URL.canParse(address) ? new URL(address).hostname.replace(/\.$/, '') : '';
}
