import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, createServer as createTcpServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpClient, readText } from './client.ts';
import { httpClientSchema } from './schema.ts';

/** Servers, clients and files of the tests of the HTTP client; whoever makes one ends it. */
export class ClientStage {
  readonly directory = mkdtempSync(join(tmpdir(), 'avalanche-client-'));
  readonly sockets = new Set<Socket>();
  private readonly servers: { close(done: () => void): unknown }[] = [];
  private readonly clients: HttpClient[] = [];

  /** Closes what a test has opened. */
  readonly close = async (): Promise<void> => {
    for (const client of this.clients.splice(0)) client.close();
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(
      this.servers.splice(0).map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
  };

  readonly remove = (): void => rmSync(this.directory, { recursive: true });

  /** @returns the port */
  readonly listening = async (
    server: Server | ReturnType<typeof createTcpServer>,
    host = '127.0.0.1',
  ): Promise<number> => {
    this.servers.push(server);
    server.on('connection', (socket: Socket) => this.sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return (server.address() as AddressInfo).port;
  };

  readonly serve = (listener: RequestListener): Promise<number> => this.listening(createServer(listener));

  /** Answers with the path and the `Authorization` of the request. */
  readonly echo = (): Promise<number> =>
    this.serve((request, response) => response.end(`${request.url} ${request.headers.authorization}`));

  /** @param anyAddress as `round_robin_dns` */
  readonly clientOf = (config: object, anyAddress = false): HttpClient => {
    const client = new HttpClient(httpClientSchema.parse(config), 'test', anyAddress);
    this.clients.push(client);
    return client;
  };

  readonly get = async (client: HttpClient, url: string): Promise<string> =>
    readText(await client.request(url, { signal: AbortSignal.timeout(5000) }));

  readonly file = (name: string, text: string): string => {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  };
}
