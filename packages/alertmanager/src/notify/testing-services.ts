import { readFileSync } from 'node:fs';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** A request as a service got it. */
export interface ServiceRequest {
  readonly method: string;
  /** Whole, with scheme and host. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A certificate authority (tests/support has one). */
export interface CertificateAuthority {
  readonly certFile: string;
  sign(subject: string, names: string): { readonly certFile: string; readonly keyFile: string };
}

/** What a service answers; `respond` does whatever an answer cannot say. */
export interface ServiceAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly respond?: (response: ServerResponse) => void;
}

/** The services that notifications go to, by their own names: those that tests use, and any in `*.test`. */
const HOSTS = [
  ...['slack.com', 'discord.com', 'events.pagerduty.com', 'api.opsgenie.com', 'api.pushover.net', 'api.telegram.org'],
  ...['alert.victorops.com', 'webexapis.com', 'qyapi.weixin.qq.com', 'open.rocket.chat', 'sns.eu-west-1.amazonaws.com'],
  ...['sts.eu-west-1.amazonaws.com', 'team.atlassian.net', 'hook.test', 'localhost'],
];

/**
 * Plays the services of the internet: a proxy behind which every name leads to one server, with a certificate for each.
 * What it was asked is kept in `requests`.
 */
export class Services {
  readonly requests: ServiceRequest[] = [];
  /** By default everybody is content. */
  answer: (request: ServiceRequest) => ServiceAnswer = contentAnswer;
  /** Certificate of the authority that all names are signed by. */
  readonly caFile: string;
  proxyUrl = '';
  private readonly sockets = new Set<Socket>();
  private readonly waiting = new Set<() => void>();
  private readonly plain: Server;
  private readonly secure: ReturnType<typeof createTlsServer>;

  private constructor(authority: CertificateAuthority) {
    const names = HOSTS.map((host) => `DNS:${host}`).join(',');
    const { certFile, keyFile } = authority.sign('service', names);
    this.caFile = authority.certFile;
    this.plain = createServer((request, response) => void this.handle(request, response, ''));
    this.plain.on('connect', (_request, socket: Socket) => this.tunnel(socket));
    this.secure = createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (request, response) => {
      void this.handle(request, response, `https://${request.headers.host}`);
    });
  }

  static async start(authority: CertificateAuthority): Promise<Services> {
    const services = new Services(authority);
    for (const server of [services.plain, services.secure]) {
      server.on('connection', (socket: Socket) => services.sockets.add(socket));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    }
    services.proxyUrl = `http://127.0.0.1:${(services.plain.address() as AddressInfo).port}`;
    return services;
  }

  /** `http_config` with which the services are reached, in YAML. */
  get httpConfig(): string {
    return `{proxy_url: '${this.proxyUrl}', tls_config: {ca_file: '${this.caFile}'}}`;
  }

  /** Waits until so many requests have come. */
  async until(count: number): Promise<readonly ServiceRequest[]> {
    while (this.requests.length < count) {
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
    return this.requests;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    for (const server of [this.plain, this.secure]) await new Promise((resolve) => server.close(resolve));
  }

  private tunnel(socket: Socket): void {
    const upstream = connect((this.secure.address() as AddressInfo).port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream]) end.on('error', () => {});
  }

  private async handle(request: IncomingMessage, response: ServerResponse, origin: string): Promise<void> {
    const { method = '', url = '', headers } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const received = { method, url: origin + url, headers, body };
    const { status = 200, headers: own = {}, body: text = '', respond } = this.answer(received);
    this.requests.push(received);
    if (respond) respond(response);
    else response.writeHead(status, own).end(text);
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** What each service says when it has taken a message. */
function contentAnswer({ url }: ServiceRequest): ServiceAnswer {
  const json = (value: unknown): ServiceAnswer => ({ headers: JSON_TYPE, body: JSON.stringify(value) });
  if (url.startsWith('https://slack.com/api/')) return json({ ok: true, channel: 'C1', ts: '17.01' });
  if (url.includes('telegram')) return json({ ok: true, result: { message_id: 1, chat: { id: 1 } } });
  if (url.includes('/gettoken')) return json({ errcode: 0, access_token: 'wechat-token' });
  if (url.includes('/message/send')) return json({ errcode: 0, errmsg: 'ok' });
  if (url.includes('chat.postMessage')) return json({ success: true });
  if (url.includes('/search')) return json({ issues: [] });
  if (url.includes('/issue')) return json({ key: 'OPS-1' });
  if (url.includes('amazonaws')) {
    const ids = '<MessageId>1</MessageId>';
    return { body: `<PublishResponse><PublishResult>${ids}</PublishResult></PublishResponse>` };
  }
  return { body: 'ok' };
}
