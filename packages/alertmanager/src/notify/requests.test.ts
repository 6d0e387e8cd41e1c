import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { type ComparableRequest, comparable, configOf, ENTRIES } from './testing-entries.ts';
import { integrationsOf, notificationOf, ServiceStage } from './testing-integration.ts';

/** What Alertmanager 0.34 asked the same services for, of the same entries and alerts: firing, then resolved. */
const upstream = JSON.parse(readFileSync(new URL('./testdata/requests.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, readonly ComparableRequest[]>
>;

const stage = new ServiceStage();
beforeAll(async () => {
  if (hasOpenssl) await stage.start((directory) => new Authority(directory, 'services'));
});
afterAll(async () => {
  if (hasOpenssl) await stage.stop();
});

test.skipIf(!hasOpenssl).each(Object.keys(ENTRIES))(
  '%s is told what upstream tells it (needs openssl)',
  async (name) => {
    const [integration] = await integrationsOf(stage.directory, configOf(name, stage.services));
    stage.services.requests.length = 0;
    for (const resolved of [false, true]) {
      const notification = notificationOf({ job: 'node' }, { instances: ['h:1', 'h:2'], resolved });
      const { signal } = new AbortController();
      expect(await integration.notify(notification, { signal, data: {} })).toMatchObject({ kind: 'sent' });
    }
    expect(stage.services.requests.map(comparable)).toEqual(upstream[name]);
  },
);
