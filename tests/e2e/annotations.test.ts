import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasChromium, launchBrowser } from '../support/browser.ts';
import { isBuilt, prepareStack, type TestStack } from '../support/stack.ts';

const isUiBuilt = existsSync(fileURLToPath(new URL('../../packages/ui/dist/index.html', import.meta.url)));
const grafanaTags = (tags: readonly string[]) => ({
  datasource: { type: 'datasource', uid: 'grafana' },
  target: { type: 'tags', tags, limit: 10, matchAny: false },
});
const dashboard = {
  uid: 'noted',
  title: 'Noted',
  time: { from: 'now-1h', to: 'now' },
  annotations: {
    list: [
      { name: 'Runs', enable: true, iconColor: 'purple', ...grafanaTags(['run']) },
      { name: 'Always', enable: false, expr: 'vector(1)', titleFormat: 'it is so', textFormat: 'always' },
      { name: 'Wrong', enable: true, expr: 'vector(' },
      { name: 'Quiet', enable: true, hide: true, ...grafanaTags(['nobody']) },
    ],
  },
  panels: [
    {
      ...{ id: 1, type: 'timeseries', title: 'One', gridPos: { x: 0, y: 0, w: 24, h: 10 } },
      targets: [{ refId: 'A', expr: 'vector(1)' }],
    },
  ],
};

describe.skipIf(!hasChromium || !isBuilt || !isUiBuilt)(
  'annotations and runs in Chromium (needs chromium and a build)',
  () => {
    let stack: TestStack;
    let browser: Browser;

    beforeAll(async () => {
      stack = await prepareStack({ 'grafana/dashboards/noted.json': () => JSON.stringify(dashboard) });
      await stack.up(['--only', 'prometheus,pushgateway,grafana']);
      const ended = {
        event: 'done',
        kind: 'backup',
        name: 'nightly',
        duration_seconds: 900,
        exit_status: 3,
        host: 'lab1',
      };
      const { status } = await fetch(`${stack.url('pushgateway')}/api/v1/runs`, {
        method: 'POST',
        body: JSON.stringify(ended),
      });
      expect(status).toBe(200);
      browser = await launchBrowser();
    }, 60_000);
    afterAll(async () => {
      await browser?.close();
      await stack?.dispose();
    }, 20_000);

    async function openDashboard(): Promise<Page> {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      page.setDefaultTimeout(10_000);
      await page.goto(`${stack.url('grafana')}/login`);
      const credentials = JSON.stringify({ user: 'admin', password: 'admin' });
      const headers = { 'content-type': 'application/json' };
      await page.request.post(`${stack.url('grafana')}/login`, { data: credentials, headers });
      await page.goto(`${stack.url('grafana')}/d/noted`);
      return page;
    }

    test('a run that a script reports is drawn where it was, and can be switched off', async () => {
      const page = await openDashboard();
      const layer = page.getByRole('region', { name: '1 annotations' });
      await layer.focus();
      await page.keyboard.press('ArrowRight');
      const tooltip = page.getByRole('status').filter({ hasText: 'backup nightly' });
      expect(await tooltip.textContent()).toContain('backup nightly failed after 15m on lab1: exit status 3');
      const [band, plot] = await Promise.all([page.locator('.am-annotation').boundingBox(), layer.boundingBox()]);
      expect((band?.width ?? 0) / (plot?.width ?? 1)).toBeCloseTo(0.25, 1);
      await page.getByRole('button', { name: 'Runs' }).click();
      await layer.waitFor({ state: 'detached' });
      await page.close();
    });

    test('the page of runs finds it, and shows what went wrong', async () => {
      const page = await openDashboard();
      await page.getByRole('link', { name: 'Runs' }).click();
      await page.getByRole('combobox', { name: 'Outcome' }).selectOption('success');
      await page.getByText('No run matches').waitFor();
      await page.getByRole('combobox', { name: 'Outcome' }).selectOption('failed');
      await page.getByRole('link', { name: 'nightly' }).click();
      await page.getByRole('heading', { name: 'backup nightly', level: 1 }).waitFor();
      await page.getByText('exit status 3').waitFor();
      expect(await page.getByText('took 15 min').count()).toBe(1);
      await page.close();
    });

    test('annotations of PromQL; one query that is wrong says so and leaves the others', async () => {
      const page = await openDashboard();
      await page.getByRole('button', { name: 'Wrong (partial)' }).waitFor();
      expect(await page.getByRole('button', { name: 'Quiet' }).count()).toBe(0);
      await page.getByRole('button', { name: 'Always', pressed: false }).click();
      const layer = page.getByRole('region', { name: '2 annotations' });
      await layer.focus();
      await page.keyboard.press('ArrowRight');
      const first = page.getByRole('status').filter({ hasText: 'it is so' });
      expect(await first.textContent()).toContain('always');
      await page.close();
    });
  },
);
