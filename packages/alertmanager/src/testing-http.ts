import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, silentLogger } from '@avalanche/model';
import { type RunningAlertmanager, startAlertmanager } from './start.ts';

/** A request as a receiver got it; the body was JSON. */
export interface Received {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** A role on real HTTP with a directory of its own, and servers that play its receivers; `end` ends them all. */
export class Stage {
  readonly directory = mkdtempSync(join(tmpdir(), 'alertmanager-start-'));
  private readonly ends: (() => unknown)[] = [];

  /** Has `end` called when the test is over, last come first. */
  onEnd(end: () => unknown): void {
    this.ends.push(end);
  }

  async end(): Promise<void> {
    for (const end of this.ends.splice(0).reverse()) await end();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async start(yaml: string, { logger = silentLogger as Logger } = {}): Promise<RunningAlertmanager> {
    const configFile = join(this.directory, 'alertmanager.yml');
    writeFileSync(configFile, yaml);
    const alertmanager = await startAlertmanager({
      configFile,
      directory: join(this.directory, 'data'),
      listen: { host: '127.0.0.1', port: 0 },
      logger,
      version: '1.2.3',
      externalUrl: 'http://am.test',
    });
    this.onEnd(() => alertmanager.stop());
    return alertmanager;
  }

  /** A server that keeps what is posted to it; `next` waits for the first request that `accept` takes. */
  async receiver() {
    const received: Received[] = [];
    const waiting = new Set<() => void>();
    const server: Server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      request.on('end', () => {
        received.push({ url: request.url ?? '', headers: request.headers, body: JSON.parse(text) });
        response.end('ok');
        for (const wake of waiting) wake();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.onEnd(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    const next = (accept: (request: Received) => boolean = () => true): Promise<Received> =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = received.find(accept);
          if (!found) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, next, received };
  }
}

export function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

export const ALERT = {
  labels: { alertname: 'DiskFull', severity: 'critical', instance: 'h:1' },
  annotations: { summary: 'Disk <full>', description: '98 %', runbook_url: 'https://docs.test/DiskFull' },
  startsAt: '2026-01-05T10:00:00.5Z',
  generatorURL: 'http://prom.test/graph?g0.expr=x&g0.tab=1',
};
