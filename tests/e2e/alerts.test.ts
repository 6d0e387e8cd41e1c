import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBoth } from '../alertmanager/senders.ts';
import { hasChromium, launchBrowser } from '../support/browser.ts';
import { realAlertmanager } from '../support/real-alertmanager.ts';
import { eventually } from '../support/stack.ts';
import { type AlertStage, fire, isUiBuilt, open, postJson, startAlertStage } from './alerts-stage.ts';

let stage: AlertStage;
let browser: Browser;

interface LogPage {
  readonly notifications: readonly { readonly id: string; readonly status: string }[];
}

async function logOf(query: string): Promise<LogPage> {
  return (await (await fetch(`${stage.alertmanager}/api/v2/notifications?${query}`)).json()) as LogPage;
}

const step = (page: Page, title: string) =>
  page.getByRole('list', { name: 'The way it took' }).getByRole('listitem').filter({ hasText: title });

describe.skipIf(!hasChromium || !isUiBuilt)(
  'pages about alerts in headless Chromium (needs chromium and a build)',
  () => {
    beforeAll(async () => {
      [stage, browser] = await Promise.all([startAlertStage(), launchBrowser()]);
      await fire(stage.alertmanager, [
        { alertname: 'DiskFull', severity: 'critical', instance: 'a' },
        { alertname: 'SlowQuery', severity: 'warning', instance: 'b', team: 'db' },
        { alertname: 'NodeDown', severity: 'critical', instance: 'c' },
        { alertname: 'DiskSlow', severity: 'warning', instance: 'c' },
      ]);
      await eventually(
        () => logOf(''),
        ({ notifications }) => notifications.length >= 3,
      );
    });
    afterAll(async () => {
      await browser.close();
      await stage.stop();
    });

    test('an alert: the way it took from the sample to the reply', async () => {
      const url = await stage.prometheus('whole', stage.alertmanager);
      await eventually(
        () => logOf(`filter=${encodeURIComponent('alertname="ThingDown"')}`),
        ({ notifications }) => notifications.length > 0,
      );
      const { page, errors } = await open(browser, `${url}/alerts/ThingDown`);
      await page
        .getByRole('status')
        .filter({ hasText: /It has been told: ops by webhook/ })
        .waitFor();
      await step(page, 'Sample').getByText('0', { exact: true }).waitFor();
      await step(page, 'Expression').getByText('up{job="things"} == 0').waitFor();
      await step(page, 'Pending')
        .getByText(/must last 400ms/)
        .waitFor();
      await step(page, 'Firing').getByText('since').waitFor();
      await step(page, 'Route').getByText('the root').waitFor();
      await step(page, 'Group').getByText('waits 100ms at first, 1s between changes, repeats after 1h').waitFor();
      await step(page, 'Notifications')
        .getByText(/sent to ops by webhook\[0\].*first notification/)
        .waitFor();
      await page.getByRole('button', { name: 'The way it took' }).focus();
      await page.keyboard.press('Enter');
      await step(page, 'Sample').waitFor({ state: 'detached' });
      expect(errors).toEqual([]);
      await page.close();
    });

    test('an alert that failed to be told, and one that is inhibited, say so on top', async () => {
      const { page, errors } = await open(browser, `${stage.alertmanager}/alerts/SlowQuery`);
      await page
        .getByRole('status')
        .filter({ hasText: /Telling db by webhook failed: .*400/ })
        .waitFor();
      await step(page, 'Route').getByText('team="db"').waitFor();
      await page.goto(`${stage.alertmanager}/alerts/DiskSlow`);
      await page.getByRole('status').filter({ hasText: 'Inhibited by NodeDown' }).waitFor();
      await step(page, 'Kept quiet').getByRole('link', { name: 'NodeDown' }).click();
      await page.getByRole('heading', { name: 'NodeDown', level: 1 }).waitFor();
      expect(errors).toEqual([]);
      await page.close();
    });

    test('an alert while Alertmanager is away: what Prometheus knows, and that the rest is not known', async () => {
      const url = await stage.prometheus('away', 'http://127.0.0.1:1');
      const { page } = await open(browser, `${url}/alerts/ThingDown`);
      await step(page, 'Firing').getByText('since').waitFor();
      await page.getByText(/What became of it is not known: 127\.0\.0\.1:1 does not answer/).waitFor();
      await page.close();
    });

    test.skipIf(!realAlertmanager)(
      'a real Alertmanager (Debian): its receivers, and that it tells no more',
      async () => {
        const directory = join(stage.directory, 'real');
        mkdirSync(directory);
        const yaml = JSON.stringify({ route: { receiver: 'nobody' }, receivers: [{ name: 'nobody' }] });
        const senders = await startBoth(directory, () => yaml);
        try {
          const real = senders.find(({ name }) => name === 'real')?.url ?? '';
          await fire(real, [{ alertname: 'Elsewhere', instance: 'x' }]);
          const url = await stage.prometheus('foreign', real);
          const { page } = await open(browser, `${url}/alerts/Elsewhere`);
          await page.getByText('It goes to nobody. This Alertmanager does not tell what it sent.').waitFor();
          await page.goto(`${url}/notifications`);
          await page.getByText('This Alertmanager does not tell', { exact: true }).waitFor();
          await page.goto(`${url}/silences/new?filter=${encodeURIComponent('{alertname="Elsewhere"}')}`);
          await page.getByText('Mutes 1 of 1 alert now.').waitFor();
          await page.close();
        } finally {
          await Promise.all(senders.map((sender) => sender.stop()));
        }
      },
    );

    test('the log: failed ones stand out, filters stand in the address, a row opens', async () => {
      const { page, errors } = await open(browser, stage.alertmanager);
      await page.getByRole('link', { name: 'Notifications' }).first().click();
      await page.getByRole('row').filter({ hasText: 'DiskFull' }).getByText('sent').waitFor();
      await page.getByText('Failed', { exact: true }).click();
      await page.getByRole('row').filter({ hasText: 'DiskFull' }).waitFor({ state: 'detached' });
      expect(new URL(page.url()).search).toBe('?status=failed');
      const row = page.getByRole('row').filter({ hasText: 'SlowQuery' }).first();
      expect(await row.getAttribute('class')).toContain('am-failedrow');
      await row.getByRole('button', { name: /Details of the notification/ }).click();
      await page.getByText('SlowQuery on b').waitFor();
      await page.getByText(/one attempt/).waitFor();
      await page.goto(`${stage.alertmanager}/notifications`);
      await page.getByLabel('Receiver', { exact: true }).selectOption('db');
      await page.getByRole('row').filter({ hasText: 'DiskFull' }).waitFor({ state: 'detached' });
      await page.getByLabel('Receiver', { exact: true }).selectOption('');
      await page.getByLabel('Labels of the alerts').fill('instance=~"a|zz"');
      await page.keyboard.press('Enter');
      await page.getByRole('row').filter({ hasText: 'SlowQuery' }).waitFor({ state: 'detached' });
      await page.getByRole('link', { name: 'DiskFull' }).click();
      await page.getByRole('heading', { name: 'DiskFull', level: 1 }).waitFor();
      expect(errors).toEqual([]);
      await page.close();
    });

    test('a receiver is tested: the result and the talk are shown, and its log has it', async () => {
      const { page, errors } = await open(browser, `${stage.alertmanager}/receivers`);
      const ops = page.getByRole('region', { name: 'Receiver ops' });
      await ops.getByText('webhook[0]').waitFor();
      const before = stage.told.length;
      await ops.getByRole('button', { name: 'Send a test' }).click();
      await ops.getByText(/> POST http:/).waitFor();
      expect(stage.told.length).toBe(before + 1);
      expect(stage.told.at(-1)).toContain('avalanche_test');
      const db = page.getByRole('region', { name: 'Receiver db' });
      await db.getByRole('button', { name: 'Send a test' }).click();
      await db.getByText('no such channel').first().waitFor();
      await page.goto(`${stage.alertmanager}/notifications?receiver=db`);
      await page.getByRole('row').filter({ hasText: 'TestNotification' }).first().getByText('failed').waitFor();
      expect(errors).toEqual([]);
      await page.close();
    });

    test('the log has pages', async () => {
      for (let i = 0; i < 51; i++) await postJson(`${stage.alertmanager}/api/v2/receivers/test`, { receiver: 'ops' });
      const { page } = await open(browser, `${stage.alertmanager}/notifications?receiver=ops`);
      await page.getByRole('button', { name: 'Older' }).click();
      await page.getByRole('row').filter({ hasText: 'DiskFull' }).waitFor();
      expect(new URL(page.url()).searchParams.get('before')).toMatch(/^[0-9A-Z]{26}$/);
      await page.getByRole('button', { name: 'Newest' }).click();
      await page.getByRole('row').filter({ hasText: 'DiskFull' }).waitFor({ state: 'detached' });
      await page.close();
    });

    test('a template is tried on a notification that was sent; HTML runs no script; an error names its line', async () => {
      const { notifications } = await logOf(`filter=${encodeURIComponent('alertname="DiskFull"')}`);
      const { page, errors } = await open(
        browser,
        `${stage.alertmanager}/templates?notification=${notifications[0]?.id}`,
      );
      const editor = page.getByLabel('Template', { exact: true });
      await editor.fill('{{ .Status | toUpper }} of {{ .CommonLabels.instance }}');
      await page.getByText('FIRING of a', { exact: true }).waitFor();
      await page.getByText('HTML', { exact: true }).click();
      await editor.fill('<p id="x">{{ .CommonLabels.alertname }}</p><script>document.body.id = "ran"</script>');
      const frame = page.frameLocator('iframe');
      await frame.getByText('DiskFull').waitFor();
      expect(await frame.locator('body').getAttribute('id')).toBeNull();
      await editor.fill('fine\n{{ .Oops.Nested | nonsense }}');
      await page.getByRole('alert').filter({ hasText: 'nonsense' }).getByText('2', { exact: true }).waitFor();
      expect(errors.filter((error) => !/400|sandboxed/.test(error))).toEqual([]);
      await page.close();
    });
  },
);
