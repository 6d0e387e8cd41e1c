import { readFileSync } from 'node:fs';
import type { Http2SecureServer } from 'node:http2';
import type { ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import { dirname, isAbsolute, join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { Logger } from '@avalanche/model';
import { parseYaml } from '@avalanche/yamlfile';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import { type WebConfigFile, webConfigSchema } from './schema.ts';
import { clientProblem, isTlsEnabled, readServerTls, type ServerTls } from './tls.ts';
import { hashProblem, UserCheck } from './users.ts';

/** Reads a web configuration file; its paths are relative to it. @throws Error */
function readWebConfig(path: string): WebConfigFile {
  const config = parseYaml(path, readFileSync(path, 'utf8'), webConfigSchema);
  const resolve = (file: string) => (file === '' || isAbsolute(file) ? file : join(dirname(path), file));
  const { cert_file, key_file, client_ca_file, ...tls } = config.tls_server_config;
  const files = {
    cert_file: resolve(cert_file),
    key_file: resolve(key_file),
    client_ca_file: resolve(client_ca_file),
  };
  return { ...config, tls_server_config: { ...tls, ...files } };
}

/** Checks a file as a server does that starts with it, and `promtool check web-config`. @throws Error */
export function checkWebConfig(path: string): WebConfigFile {
  const config = readWebConfig(path);
  for (const hash of Object.values(config.basic_auth_users)) {
    const problem = hashProblem(hash);
    if (problem) throw new Error(problem);
  }
  const { tls_server_config: tls } = config;
  if (isTlsEnabled(tls)) readServerTls(tls);
  return config;
}

/**
 * The file of `--web.config.file` at work: TLS, users and headers of one server. As in exporter-toolkit the file is read
 * again at each request, and with its certificates at each connection; whether there is TLS is decided at the start.
 */
export class WebConfig {
  readonly isTls: boolean;
  private readonly isHttp2: boolean;
  private readonly users = new UserCheck();
  private readonly limiter: RateLimit | null;
  private tls: ServerTls | undefined = undefined;
  private lastTls = '';

  /** @throws Error where the file cannot be used */
  constructor(
    private readonly path: string,
    private readonly logger: Logger,
  ) {
    const { tls_server_config: tls, rate_limit, http_server_config } = checkWebConfig(path);
    this.isHttp2 = http_server_config.http2;
    this.isTls = isTlsEnabled(tls);
    this.limiter = rate_limit.interval > 0 ? new RateLimit(rate_limit.interval, rate_limit.burst) : null;
    if (!this.isTls) return;
    this.tls = readServerTls(tls);
    this.lastTls = JSON.stringify(this.tls);
  }

  /** What the server is created with, and of it with TLS also `more`. HTTP/2 is spoken over TLS with whoever wants it. */
  serverOptions(more: ServerOptions & { readonly maxHeaderSize: number }): FastifyServerOptions {
    if (!this.tls) return {};
    const { context, clientAuth } = this.tls;
    const https = { ...more, ...context, ...requestOf(clientAuth) };
    if (!this.isHttp2) return { https } as FastifyServerOptions;
    const settings = { maxHeaderListSize: more.maxHeaderSize };
    return { http2: true, https: { ...https, allowHTTP1: true, settings } } as FastifyServerOptions;
  }

  /** Guards every route of `app`. */
  install(app: FastifyInstance): void {
    app.addHook('onRequest', async (request, reply) => {
      let config: WebConfigFile;
      try {
        config = readWebConfig(this.path);
      } catch (error) {
        this.logger.error('Unable to parse configuration', { err: (error as Error).message });
        return reply.code(500).type('text/plain; charset=utf-8').send('Internal Server Error\n');
      }
      if (this.limiter && !this.limiter.allows(Date.now())) {
        return reply.code(429).type('text/plain; charset=utf-8').send('Too Many Requests\n');
      }
      reply.headers(config.http_server_config.headers);
      const { basic_auth_users: users } = config;
      if (Object.keys(users).length === 0) return undefined;
      if (await this.users.accepts(request.headers.authorization, users)) return undefined;
      return reply
        .code(401)
        .header('www-authenticate', 'Basic')
        .type('text/plain; charset=utf-8')
        .send('Unauthorized\n');
    });
    if (this.isTls) this.guard(app, app.server as unknown as Http2SecureServer);
  }

  private guard(app: FastifyInstance, server: Http2SecureServer): void {
    const sockets = new Set<Socket>();
    // Handshakes under way, HTTP/1.1 on a server of HTTP/2, and streams that do not end, would keep it from closing.
    app.addHook('preClose', async () => {
      for (const socket of sockets) socket.destroy();
    });
    server.prependListener('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      this.refresh(server);
    });
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      const problem = this.tls ? clientProblem(socket, this.tls) : null;
      if (!problem) return;
      this.logger.debug('TLS handshake refused', { from: socket.remoteAddress, reason: problem });
      socket.destroy();
    });
  }

  /** Certificates that have changed hold for the connection that is about to begin. */
  private refresh(server: Http2SecureServer): void {
    try {
      const tls = readServerTls(readWebConfig(this.path).tls_server_config);
      const text = JSON.stringify(tls);
      if (text === this.lastTls) return;
      server.setSecureContext(tls.context);
      Object.assign(server, requestOf(tls.clientAuth));
      this.tls = tls;
      this.lastTls = text;
    } catch (error) {
      this.logger.error('Unable to parse configuration', { err: (error as Error).message });
    }
  }
}

/** What of a client's certificate Node itself sees to. */
function requestOf(clientAuth: ServerTls['clientAuth']) {
  return { requestCert: clientAuth !== 'none', rejectUnauthorized: clientAuth === 'verify' };
}

/** A token bucket. */
class RateLimit {
  private tokens: number;
  private last = 0;

  constructor(
    private readonly intervalMs: number,
    private readonly burst: number,
  ) {
    this.tokens = burst;
  }

  allows(now: number): boolean {
    this.tokens = Math.min(this.burst, this.tokens + (this.last === 0 ? 0 : (now - this.last) / this.intervalMs));
    this.last = now;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}
