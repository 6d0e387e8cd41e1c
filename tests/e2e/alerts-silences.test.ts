import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasChromium, launchBrowser } from '../support/browser.ts';
import { eventually } from '../support/stack.ts';
import { type AlertStage, fire, isUiBuilt, open, postJson, startAlertStage } from './alerts-stage.ts';

let stage: AlertStage;
let browser: Browser;

interface SilenceState {
  readonly id: string;
  readonly comment: string;
  readonly endsAt: string;
  readonly status: { readonly state: string };
}

async function silence(id: string): Promise<SilenceState> {
  return (await (await fetch(`${stage.alertmanager}/api/v2/silence/${id}`)).json()) as SilenceState;
}

async function newSilence(): Promise<string> {
  const answer = await postJson(`${stage.alertmanager}/api/v2/silences`, {
    matchers: [{ name: 'instance', value: 'a', isRegex: false, isEqual: true }],
    ...{ startsAt: new Date().toISOString(), endsAt: new Date(Date.now() + 3_600_000).toISOString() },
    ...{ createdBy: 'eva', comment: 'new disk' },
  });
  return (answer as { silenceID: string }).silenceID;
}

const idOf = (url: string): string => new URL(url).pathname.split('/').at(-1) ?? '';

describe.skipIf(!hasChromium || !isUiBuilt)('silences in headless Chromium (needs chromium and a build)', () => {
  beforeAll(async () => {
    [stage, browser] = await Promise.all([startAlertStage(), launchBrowser()]);
    await fire(
      stage.alertmanager,
      ['a', 'b', 'c', 'd'].map((instance) => ({ alertname: 'DiskFull', instance, job: 'node' })),
    );
    await eventually(
      async () => stage.told.length,
      (count) => count > 0,
    );
  });
  afterAll(async () => {
    await browser.close();
    await stage.stop();
  });

  test('what a silence touches is counted while it is typed; one that mutes everything must be confirmed', async () => {
    const { page, errors } = await open(browser, `${stage.alertmanager}/silences/new`);
    await page.getByLabel('Which alerts').fill('instance="a"');
    await page.getByText('Mutes 1 of 4 alerts now, 1 of 4 of the last 24 hours, and 1 of 2 routes.').waitFor();
    await page.getByText('ops would hear less.').waitFor();
    await page.getByLabel('Your name').fill('eva');
    await page.getByLabel('Why').fill('maintenance');
    const submit = page.getByRole('button', { name: 'Silence', exact: true });
    await eventually(() => submit.isEnabled(), Boolean);
    await page.getByLabel('Which alerts').fill('job=~".+"');
    const tick = page.getByRole('checkbox', { name: /This mutes everything\. I have read the numbers: 4 of 4/ });
    await tick.waitFor();
    expect(await submit.isDisabled()).toBe(true);
    await eventually(() => tick.isEnabled(), Boolean);
    await tick.focus();
    await page.keyboard.press('Space');
    await eventually(() => submit.isEnabled(), Boolean);
    await page.getByLabel('Which alerts').fill('job="node"');
    await eventually(() => submit.isDisabled(), Boolean);
    expect(await tick.isChecked()).toBe(false);
    await eventually(() => tick.isEnabled(), Boolean);
    await tick.check();
    await submit.click();
    await page.getByText('It mutes 4 of 4 alerts now').waitFor();
    expect(await silence(idOf(page.url()))).toMatchObject({ comment: 'maintenance', status: { state: 'active' } });
    await page.getByRole('button', { name: 'End it' }).click();
    await page.getByText(/4 alerts that it mutes will notify again/).waitFor();
    await page.getByRole('button', { name: 'End it' }).last().click();
    await page.getByRole('link', { name: 'Again' }).click();
    expect(await page.getByLabel('Your name').inputValue()).toBe('eva');
    expect(await page.getByLabel('Which alerts').inputValue()).toBe('job="node"');
    expect(errors).toEqual([]);
    await page.close();
  });

  test('an edit keeps the id; other matchers take the old one’s place', async () => {
    const id = await newSilence();
    const before = await silence(id);
    const { page, errors } = await open(browser, `${stage.alertmanager}/#/silences/${id}/edit`);
    await page.getByRole('heading', { name: 'Edit silence' }).waitFor();
    expect(await page.getByLabel('Which alerts').inputValue()).toBe('instance="a"');
    await page.getByLabel('Why').fill('new disks');
    await page.getByRole('button', { name: 'Change the silence' }).click();
    await page.getByRole('heading', { name: 'new disks' }).waitFor();
    expect(idOf(page.url())).toBe(id);
    expect((await silence(id)).endsAt).toBe(before.endsAt);
    await page.getByRole('link', { name: 'Edit' }).click();
    await page.getByLabel('Which alerts').fill('instance="b"');
    await page.getByText('3d', { exact: true }).click();
    await page.getByRole('button', { name: 'Change the silence' }).click();
    await page.getByText(/this one took its place/).waitFor();
    const next = idOf(page.url());
    expect(next).not.toBe(id);
    expect((await silence(id)).status.state).toBe('expired');
    expect(Date.parse((await silence(next)).endsAt)).toBeGreaterThan(Date.now() + 71 * 3_600_000);
    expect(errors).toEqual([]);
    await page.close();
  });

  test('addresses of upstream’s own UI open the pages of ours', async () => {
    const id = await newSilence();
    const { page, errors } = await open(browser, `${stage.alertmanager}/#/silences/${id}`);
    await page.getByRole('heading', { name: 'new disk' }).waitFor();
    const filter = encodeURIComponent('{alertname="DiskFull",instance=~"b|c"}');
    await page.goto('about:blank');
    await page.goto(`${stage.alertmanager}/#/silences/new?filter=${filter}`);
    await page.getByText(/Mutes 2 of 4 alerts now/).waitFor();
    await page.goto('about:blank');
    await page.goto(`${stage.alertmanager}/#/alerts?filter=${filter}`);
    await page
      .getByRole('link', { name: /DiskFull/ })
      .first()
      .waitFor();
    expect(await page.getByRole('link', { name: /DiskFull on/ }).count()).toBe(2);
    await page.goto('about:blank');
    await page.goto(`${stage.alertmanager}/#/status`);
    await page.getByRole('heading', { name: 'Status' }).waitFor();
    expect(errors).toEqual([]);
    await page.close();
  });
});
