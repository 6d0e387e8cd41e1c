import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A notification as the webhook got it. */
export interface Told {
  /** Seconds since `begin`. */
  readonly at: number;
  /** The hook's path behind the sender's name: `/ours/a/b` is `a/b`. */
  readonly hook: string;
  /** The group's key. */
  readonly group: string;
  readonly text: string;
}

interface Body {
  readonly receiver: string;
  readonly status: string;
  readonly groupKey: string;
  readonly truncatedAlerts?: number;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly { readonly status: string; readonly labels: Readonly<Record<string, string>> }[];
}

/**
 * One server for the notifications of two Alertmanagers, told apart by the first part of the path. The rest names the
 * hook; of one named `fails-N-CODE` the first N notifications are answered with that code.
 */
export class Webhooks {
  private readonly told = new Map<string, Told[]>();
  private readonly answered = new Map<string, number>();
  private readonly server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => this.take(request.url ?? '', text, response));
  });
  private begin = Date.now();

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Times count from now on. */
  restartClock(): void {
    this.begin = Date.now();
  }

  of(sender: string): readonly Told[] {
    return this.told.get(sender) ?? [];
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private take(url: string, text: string, response: ServerResponse): void {
    const [, sender, ...rest] = url.split('/');
    const hook = rest.join('/');
    const code = this.codeFor(url);
    const list = this.told.get(sender) ?? [];
    this.told.set(sender, list);
    const at = (Date.now() - this.begin) / 1000;
    const body = JSON.parse(text) as Body;
    list.push({ at, hook, group: body.groupKey, text: `${code === 200 ? '' : `${code} `}${describe(body)}` });
    response.statusCode = code;
    response.end();
  }

  private codeFor(url: string): number {
    const [, count, code] = /fails-(\d+)-(\d+)/.exec(url) ?? [];
    if (count === undefined) return 200;
    const before = this.answered.get(url) ?? 0;
    this.answered.set(url, before + 1);
    return before < Number(count) ? Number(code) : 200;
  }
}

/** All of a notification that must be the same from both. */
function describe({ receiver, status, groupLabels, alerts, truncatedAlerts = 0 }: Body): string {
  const each = alerts.map((alert) => `${alert.status}${JSON.stringify(Object.entries(alert.labels).sort())}`);
  return `${receiver} ${status} ${JSON.stringify(groupLabels)} ${each.join(' ')} +${truncatedAlerts}`;
}
