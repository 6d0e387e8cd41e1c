/** Our Prometheus, our Alertmanager and a webhook's server, with the web UI, for tests of the pages about alerts. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startAlertmanager } from '@avalanche/alertmanager';
import { silentLogger } from '@avalanche/model';
import { startPrometheus } from '@avalanche/prometheus';
import type { RunningRole } from '@avalanche/web';
import type { Browser, Page } from 'playwright-core';

const uiDirectory = fileURLToPath(new URL('../../packages/ui/dist', import.meta.url));
export const isUiBuilt = existsSync(join(uiDirectory, 'index.html'));

export interface AlertStage {
  readonly directory: string;
  readonly alertmanager: string;
  /** Bodies that the hook of receiver `ops` got. */
  readonly told: readonly string[];
  /** A Prometheus that alerts of a target that is down, to our Alertmanager; its UI asks the one at `alertmanagerUrl`. */
  prometheus(name: string, alertmanagerUrl: string): Promise<string>;
  stop(): Promise<void>;
}

/** Receiver `ops` is told with success, `db` never: its server says 400. */
const configuration = (hooks: string) => ({
  route: {
    ...{ receiver: 'ops', group_by: ['alertname'], group_wait: '100ms', group_interval: '1s', repeat_interval: '1h' },
    routes: [{ matchers: ['team="db"'], receiver: 'db' }],
  },
  inhibit_rules: [
    { source_matchers: ['alertname="NodeDown"'], target_matchers: ['alertname="DiskSlow"'], equal: ['instance'] },
  ],
  receivers: [
    { name: 'ops', webhook_configs: [{ url: `${hooks}/ok` }] },
    { name: 'db', webhook_configs: [{ url: `${hooks}/broken` }] },
  ],
});

async function startHooks(told: string[]): Promise<Server> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      if (request.url === '/ok') told.push(body);
      response.writeHead(request.url === '/ok' ? 200 : 400).end(request.url === '/ok' ? 'thanks' : 'no such channel');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

export async function startAlertStage(): Promise<AlertStage> {
  const directory = mkdtempSync(join(tmpdir(), 'alert-pages-'));
  const told: string[] = [];
  const hooks = await startHooks(told);
  const roles: RunningRole[] = [];
  const folder = (name: string, files: Readonly<Record<string, object>>): string => {
    const path = join(directory, name);
    mkdirSync(path);
    for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), JSON.stringify(content));
    return path;
  };
  const common = { listen: { host: '127.0.0.1', port: 0 }, logger: silentLogger, version: 'x' };
  const path = folder('alertmanager', { 'alertmanager.yml': configuration(`http://127.0.0.1:${portOf(hooks)}`) });
  const alertmanager = await startAlertmanager({
    ...common,
    configFile: join(path, 'alertmanager.yml'),
    directory: join(path, 'data'),
    ui: {
      directory: uiDirectory,
      boot: { prometheusUrl: null, alertmanagerUrl: '', grafanaUrl: null, version: 'x' },
    },
  });
  roles.push(alertmanager);
  return {
    directory,
    alertmanager: alertmanager.url,
    told,
    async prometheus(name, alertmanagerUrl) {
      const own = folder(name, {
        'prometheus.yml': {
          global: { scrape_interval: '200ms', scrape_timeout: '200ms', evaluation_interval: '200ms' },
          rule_files: ['rules.yml'],
          scrape_configs: [{ job_name: 'things', static_configs: [{ targets: ['127.0.0.1:1'] }] }],
          alerting: { alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanager.url).host] }] }] },
        },
        'rules.yml': {
          groups: [{ name: 'g', rules: [{ alert: 'ThingDown', expr: 'up{job="things"} == 0', for: '400ms' }] }],
        },
      });
      const role = await startPrometheus({
        ...common,
        configFile: join(own, 'prometheus.yml'),
        directory: join(own, 'data'),
        ui: { directory: uiDirectory, boot: { alertmanagerUrl, grafanaUrl: null, version: 'x' } },
      });
      roles.push(role);
      return role.url;
    },
    async stop() {
      await Promise.all(roles.map((role) => role.stop()));
      hooks.closeAllConnections();
      hooks.close();
      rmSync(directory, { recursive: true });
    },
  };
}

export async function postJson(url: string, body: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

/** Alerts that go on firing. */
export async function fire(alertmanager: string, labels: readonly Readonly<Record<string, string>>[]): Promise<void> {
  const startsAt = new Date().toISOString();
  const endsAt = new Date(Date.now() + 3_600_000).toISOString();
  await postJson(
    `${alertmanager}/api/v2/alerts`,
    labels.map((set) => ({
      labels: set,
      annotations: { summary: `${set.alertname} on ${set.instance}` },
      startsAt,
      endsAt,
    })),
  );
}

/** Opens an address; every error of the console and every answer of an error is noted. */
export async function open(browser: Browser, url: string): Promise<{ readonly page: Page; readonly errors: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  page.setDefaultTimeout(10_000);
  const errors: string[] = [];
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('response', (response) => response.status() >= 400 && errors.push(`${response.status()} ${response.url()}`));
  await page.goto(url);
  return { page, errors };
}
