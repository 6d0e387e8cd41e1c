import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startAlertmanager } from '@avalanche/alertmanager';
import { silentLogger } from '@avalanche/model';
import { startPrometheus } from '@avalanche/prometheus';
import type { RunningRole } from '@avalanche/web';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasChromium, launchBrowser } from '../support/browser.ts';
import { eventually } from '../support/stack.ts';

const uiDirectory = fileURLToPath(new URL('../../packages/ui/dist', import.meta.url));
const isUiBuilt = existsSync(join(uiDirectory, 'index.html'));

let directory: string;
let target: Server;
let proxy: Server;
let browser: Browser;
const roles: RunningRole[] = [];

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const listening = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

function folder(name: string, files: Readonly<Record<string, object>>): string {
  const path = join(directory, name);
  mkdirSync(path);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), JSON.stringify(content));
  return path;
}

/** Scrapes one target that answers and one that does not, drops a third, and alerts on the one that is down. */
function prometheusFolder(name: string): string {
  const address = `127.0.0.1:${portOf(target)}`;
  const dropped = [{ source_labels: ['__address__'], regex: 'dropped:1', action: 'drop' }];
  return folder(name, {
    'prometheus.yml': {
      global: { scrape_interval: '200ms', scrape_timeout: '200ms', evaluation_interval: '200ms' },
      rule_files: ['rules.yml'],
      scrape_configs: [
        {
          job_name: 'things',
          static_configs: [{ targets: [address, '127.0.0.1:1', 'dropped:1'] }],
          relabel_configs: dropped,
        },
      ],
    },
    'rules.yml': { groups: [{ name: 'g', rules: [{ alert: 'ThingDown', expr: 'up{job="things"} == 0' }] }] },
  });
}

async function prometheus(name: string, more: { routePrefix?: string; externalUrl?: string }): Promise<RunningRole> {
  const path = prometheusFolder(name);
  const role = await startPrometheus({
    configFile: join(path, 'prometheus.yml'),
    directory: join(path, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'x',
    ...(more.routePrefix ? { web: { routePrefix: more.routePrefix } } : {}),
    ...(more.externalUrl ? { externalUrl: more.externalUrl } : {}),
    ui: { directory: uiDirectory, boot: { alertmanagerUrl: null, grafanaUrl: null, version: 'x' } },
  });
  roles.push(role);
  return role;
}

async function alertmanager(name: string, routePrefix: string): Promise<RunningRole> {
  const config = { route: { receiver: 'nobody' }, receivers: [{ name: 'nobody' }] };
  const path = folder(name, { 'alertmanager.yml': config });
  const role = await startAlertmanager({
    configFile: join(path, 'alertmanager.yml'),
    directory: join(path, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    web: { routePrefix },
    logger: silentLogger,
    version: 'x',
    ui: {
      directory: uiDirectory,
      boot: { prometheusUrl: null, alertmanagerUrl: '', grafanaUrl: null, version: 'x' },
    },
  });
  roles.push(role);
  return role;
}

/** A proxy that takes `/outside` away before it asks `url`, as nginx does it. */
async function proxyTo(url: string): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url?.startsWith('/outside/') ? incoming.url.slice('/outside'.length) : undefined;
    if (path === undefined) return void outgoing.writeHead(404).end();
    const { method, headers } = incoming;
    const asked = request(url + path, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    asked.on('error', () => outgoing.destroy());
    incoming.pipe(asked);
  });
  await listening(server);
  return server;
}

/** Opens an address and gives what it showed; every error of the console, and every answer of an error, is noted. */
async function open(url: string): Promise<{ readonly page: Page; readonly errors: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  page.setDefaultTimeout(10_000);
  const errors: string[] = [];
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('response', (response) => response.status() >= 400 && errors.push(`${response.status()} ${response.url()}`));
  await page.goto(url);
  return { page, errors };
}

const heading = (page: Page, name: string) => page.getByRole('heading', { name, level: 1 });

describe.skipIf(!hasChromium || !isUiBuilt)('pages in headless Chromium (needs chromium and a build)', () => {
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pages-'));
    target = createServer((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end('things 1\n'),
    );
    await listening(target);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await Promise.all(roles.map((role) => role.stop()));
    for (const server of [target, proxy]) {
      server?.closeAllConnections();
      server?.close();
    }
    rmSync(directory, { recursive: true });
  });

  describe('of Prometheus', () => {
    let url = '';
    beforeAll(async () => {
      ({ url } = await prometheus('plain', {}));
      await eventually(
        async () => (await (await fetch(`${url}/api/v1/alerts`)).json()) as { data: { alerts: unknown[] } },
        ({ data }) => data.alerts.length === 1,
      );
    });

    test('Targets: a bar for each scrape, and why the failed ones failed', async () => {
      const { page, errors } = await open(`${url}/targets`);
      await page.getByText('1 of 2 up').waitFor();
      await page.getByRole('button', { name: /Details of http:\/\/127\.0\.0\.1:1\/metrics/ }).click();
      const strip = page.getByRole('img', { name: /scrapes, [1-9]\d* failed/ });
      await strip.waitFor();
      expect(await strip.locator('.am-scrape.am-crit').count()).toBeGreaterThan(0);
      await page
        .getByRole('cell', { name: /connection refused/ })
        .first()
        .waitFor();
      await page.getByRole('button', { name: `Details of http://127.0.0.1:${portOf(target)}/metrics` }).click();
      await page.getByRole('img', { name: /scrapes, 0 failed/ }).waitFor();
      expect(errors).toEqual([]);
      await page.close();
    });

    test('Service discovery: what was dropped, and by which rule', async () => {
      const { page, errors } = await open(`${url}/service-discovery`);
      await page.getByText('3 found, 1 dropped by relabelling').waitFor();
      await page.getByText('Dropped', { exact: true }).click();
      expect(page.url()).toBe(`${url}/service-discovery?show=dropped`);
      await page.getByRole('button', { name: 'Show what relabelling does' }).click();
      await page.getByText('drops the target').waitFor();
      expect(await page.getByRole('row').count()).toBe(2);
      expect(errors).toEqual([]);
      await page.close();
    });

    test('an alert: why it is in its state', async () => {
      const { page, errors } = await open(`${url}/alerts/ThingDown`);
      await page.getByRole('heading', { name: 'Why it is in its state' }).waitFor();
      await page.getByText(/found 1 series/).waitFor();
      const change = page.getByRole('row').filter({ hasText: '127.0.0.1:1' }).first();
      expect(await change.textContent()).toContain('firing');
      expect(errors).toEqual([]);
      await page.close();
    });
  });

  test('behind --web.route-prefix all of it stands below the prefix', async () => {
    const { url } = await prometheus('prefix', { routePrefix: '/prom/x', externalUrl: 'http://example.org/prom/x' });
    const { page, errors } = await open(url);
    await heading(page, 'Query').waitFor();
    expect(page.url()).toBe(`${url}/prom/x/`);
    await page.getByRole('link', { name: 'Targets' }).click();
    await page.getByText(/1 of 2 up/).waitFor();
    expect(page.url()).toBe(`${url}/prom/x/targets`);
    await page.goto(`${url}/prom/x/alerts/ThingDown`);
    await heading(page, 'ThingDown').waitFor();
    expect(errors.filter((error) => !/runbooks|404/.test(error))).toEqual([]);
    await page.close();
    const outside = ['/targets', '/api/v1/labels', '/assets/x.js', '/metrics', '/prom', '/prom/xy'];
    for (const path of outside) expect((await fetch(url + path)).status, path).toBe(404);
  });

  test('behind a proxy that takes the prefix away, too', async () => {
    const { url } = await prometheus('proxied', { externalUrl: 'http://example.org/outside' });
    proxy = await proxyTo(url);
    const outside = `http://127.0.0.1:${portOf(proxy)}/outside`;
    const { page, errors } = await open(`${outside}/service-discovery?pool=things`);
    await page.getByText('3 found, 1 dropped by relabelling').waitFor();
    await page.getByRole('link', { name: 'Rules' }).click();
    await heading(page, 'Rules').waitFor();
    await page.getByRole('link', { name: 'ThingDown' }).first().waitFor();
    expect(page.url()).toBe(`${outside}/rules`);
    expect(errors).toEqual([]);
    await page.close();
  });

  test('Alertmanager behind a prefix, also by an address of its own UI', async () => {
    const { url } = await alertmanager('alertmanager', '/am');
    const { page, errors } = await open(`${url}/am/#/silences/new?filter=%7Bjob%3D%22x%22%7D`);
    await heading(page, 'New silence').waitFor();
    expect(page.url()).toMatch(`${url}/am/silences/new`);
    await page.getByRole('link', { name: 'Alerts' }).first().click();
    await heading(page, 'Alerts').waitFor();
    expect(page.url()).toBe(`${url}/am/alerts`);
    expect(errors).toEqual([]);
    await page.close();
  });
});
