import type { ConnectionOptions } from 'node:tls';
import { HttpClient, type Route, requestHead } from './http-client.ts';
import type { ResponseSink } from './http-response.ts';
import type { JobClient } from './job-client.ts';

/** What is asked for: headers are names in turn with their values. */
export interface Request {
  readonly url: URL;
  readonly headers: readonly string[];
}

/** Asks the server of one address, as a job wants it: directly, through TLS, through a proxy, by a Unix socket. */
export class TargetConnection {
  private readonly client: HttpClient;
  private last: Request | undefined = undefined;
  private lastRoute: Route | undefined = undefined;
  /** `last` as it is sent. */
  private head = '';
  private tls: ConnectionOptions | undefined = undefined;

  /** @throws Error where the scheme is not http or https */
  constructor(
    private readonly url: URL,
    private readonly job: JobClient,
    unixSocket = '',
  ) {
    const { protocol, hostname, port } = url;
    const scheme = protocol.slice(0, -1);
    if (scheme !== 'http' && scheme !== 'https') throw new Error(`unsupported protocol scheme "${scheme}"`);
    if (unixSocket !== '') this.client = new HttpClient({ path: unixSocket });
    else if (scheme === 'http' && job.http.proxyFor(url) === null) {
      // An IPv6 address stands in brackets.
      this.client = new HttpClient({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
    } else this.client = new HttpClient({ open: (signal) => job.http.connect(url, signal) });
  }

  /** @throws Error, see HttpClient */
  async get(request: Request, sink: ResponseSink): Promise<void> {
    if (this.url.protocol === 'https:') this.renewTls();
    await this.client.get((route) => this.headOf(request, route), sink);
  }

  /** Gives up the request under way, which rejects with `reason`. */
  abort(reason: Error): void {
    this.client.abort(reason);
  }

  close(): void {
    this.client.close();
  }

  /** A connection that was made with other certificates is not used any more. */
  private renewTls(): void {
    const tls = this.job.http.tlsOptions();
    if (this.tls !== undefined && tls !== this.tls) this.client.close();
    this.tls = tls;
  }

  private headOf(request: Request, route: Route): string {
    if (request === this.last && route === this.lastRoute) return this.head;
    const { url, headers } = request;
    const path = url.pathname + url.search;
    const all = [...headers, ...Object.entries(route.proxyHeaders).flat()];
    this.last = request;
    this.lastRoute = route;
    this.head = requestHead(route.absoluteForm ? url.origin + path : path, all);
    return this.head;
  }
}
