import { roundsOf } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunningAlertmanager } from '../start.ts';
import { post, Stage } from '../testing-http.ts';

let stage: Stage;

beforeEach(() => {
  stage = new Stage();
});

afterEach(() => stage.end());

describe('API v2', () => {
  const QUIET = 'route: {receiver: ops, group_by: [alertname]}\nreceivers: [{name: ops}]\n';

  async function get(alertmanager: RunningAlertmanager, path: string): Promise<unknown> {
    return (await fetch(`${alertmanager.url}/api/v2${path}`)).json();
  }

  test('alerts with their state, filtered; groups; receivers; status', async () => {
    const alertmanager = await stage.start(`${QUIET}
inhibit_rules: [{source_matchers: [alertname = A], target_matchers: [alertname = C]}]
`);
    await post(`${alertmanager.url}/api/v2/alerts`, [
      { labels: { alertname: 'A', job: 'x', empty: '' }, generatorURL: 'http://p' },
      { labels: { alertname: 'B', job: 'x' } },
      { labels: { alertname: 'C' } },
      { labels: { alertname: 'Old' }, endsAt: '2020-01-01T00:00:00Z' },
    ]);
    const times = { startsAt: new Date().toISOString(), endsAt: new Date(Date.now() + 60_000).toISOString() };
    const matchers = [{ name: 'alertname', value: 'B', isRegex: false }];
    const created = await post(`${alertmanager.url}/api/v2/silences`, {
      matchers,
      ...times,
      createdBy: 'me',
      comment: 'c',
    });
    const { silenceID } = (await created.json()) as { silenceID: string };
    const names = async (query: string): Promise<string[]> => {
      const alerts = (await get(alertmanager, `/alerts?${query}`)) as { labels: { alertname: string } }[];
      return alerts.map(({ labels }) => labels.alertname).sort();
    };
    expect(await names('')).toEqual(['A', 'B', 'C']);
    expect(await names('silenced=false')).toEqual(['A', 'C']);
    expect(await names('inhibited=false')).toEqual(['A', 'B']);
    expect(await names('active=false')).toEqual(['B', 'C']);
    expect(await names('filter=job%3Dx&filter=alertname!%3DA')).toEqual(['B']);
    expect(await names('receiver=op.')).toEqual(['A', 'B', 'C']);
    expect(await names('receiver=op')).toEqual([]);
    const [b] = (await get(alertmanager, '/alerts?filter=alertname%3DB')) as Record<string, unknown>[];
    expect(b).toMatchObject({
      labels: { alertname: 'B', job: 'x' },
      receivers: [{ name: 'ops' }],
      status: { state: 'suppressed', silencedBy: [silenceID], inhibitedBy: [], mutedBy: [] },
      endsAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    });
    const groups = (await get(alertmanager, '/alerts/groups')) as { labels: unknown; receiver: unknown }[];
    expect(groups.map(({ labels }) => labels)).toEqual([{ alertname: 'A' }, { alertname: 'B' }, { alertname: 'C' }]);
    expect(groups[0].receiver).toEqual({ name: 'ops' });
    expect(await get(alertmanager, '/receivers')).toEqual([{ name: 'ops', labels: { name: 'ops' } }]);
    expect(await get(alertmanager, '/status')).toMatchObject({
      cluster: {
        name: expect.stringMatching(/^[0-9A-Z]{26}$/),
        status: 'ready',
        peers: [{ name: expect.any(String), address: expect.stringMatching(/:9094$/) }],
      },
      versionInfo: { version: '1.2.3' },
      config: { original: expect.stringContaining('receiver: ops') },
    });
    const metrics = await (await fetch(`${alertmanager.url}/metrics`)).text();
    expect(metrics).toContain('alertmanager_alerts{state="active"} 1');
    expect(metrics).toContain('alertmanager_alerts{state="suppressed"} 2');
    expect(metrics).toContain('alertmanager_silences{state="active"} 1');
  });

  test('thousands of alerts are taken and shown in turns of the event loop', async () => {
    const alertmanager = await stage.start(QUIET);
    const alerts = Array.from({ length: 3000 }, (_, i) => ({ labels: { alertname: `${i % 2}`, instance: `h:${i}` } }));
    const posted = await roundsOf(() => post(`${alertmanager.url}/api/v2/alerts`, alerts));
    expect(posted.value.status).toBe(200);
    expect(posted.rounds).toBeGreaterThan(40);
    const shown = await roundsOf(() => get(alertmanager, '/alerts'));
    expect(new Set((shown.value as { fingerprint: string }[]).map(({ fingerprint }) => fingerprint)).size).toBe(3000);
    expect(shown.rounds).toBeGreaterThan(400);
    const groups = await roundsOf(() => get(alertmanager, '/alerts/groups'));
    expect(groups.value).toEqual([
      expect.objectContaining({ labels: { alertname: '0' }, receiver: { name: 'ops' } }),
      expect.objectContaining({ labels: { alertname: '1' }, routeLabels: {} }),
    ]);
    expect((groups.value as { alerts: unknown[] }[]).map((group) => group.alerts.length)).toEqual([1500, 1500]);
    expect(groups.rounds).toBeGreaterThan(400);
  });

  test('silences are created, changed, listed and expired', async () => {
    const alertmanager = await stage.start(QUIET);
    const url = `${alertmanager.url}/api/v2/silences`;
    const endsAt = new Date(Date.now() + 3_600_000).toISOString();
    const silence = {
      matchers: [{ name: 'a', value: 'x|y', isRegex: true, isEqual: true }],
      startsAt: new Date(Date.now() - 60_000).toISOString(),
      ...{ endsAt, createdBy: 'me', comment: 'work' },
    };
    const { silenceID: id } = (await (await post(url, silence)).json()) as { silenceID: string };
    const shown = (await get(alertmanager, `/silence/${id}`)) as { startsAt: string };
    expect(shown).toMatchObject({
      id,
      status: { state: 'active' },
      comment: 'work',
      endsAt,
      matchers: silence.matchers,
    });
    const longer = { ...silence, id, startsAt: shown.startsAt, comment: 'more work' };
    expect(await (await post(url, longer)).json()).toEqual({ silenceID: id });
    const other = { ...longer, matchers: [{ name: 'a', value: 'z', isRegex: false }] };
    const { silenceID: replaced } = (await (await post(url, other)).json()) as { silenceID: string };
    expect(replaced).not.toBe(id);
    const list = (await get(alertmanager, '/silences')) as { id: string; status: { state: string } }[];
    expect(list.map((item) => [item.id, item.status.state])).toEqual([
      [replaced, 'active'],
      [id, 'expired'],
    ]);
    expect((await fetch(`${alertmanager.url}/api/v2/silence/${replaced}`, { method: 'DELETE' })).status).toBe(200);
    const filtered = (await get(alertmanager, '/silences?filter=a%3Dz')) as { status: { state: string } }[];
    expect(filtered.map(({ status }) => status.state)).toEqual(['expired']);
  });

  const base = { startsAt: '2026-01-01T00:00:00Z', endsAt: '2099-01-01T00:00:00Z', createdBy: 'me', comment: '' };
  const match = (value: string, isRegex = false) => [{ name: 'a', value, isRegex }];
  test.each<[string, string, unknown, number, unknown]>([
    ['POST', '/alerts', [{ labels: {} }], 400, 'at least one label pair required'],
    ['POST', '/alerts', { labels: {} }, 400, expect.objectContaining({ code: 400 })],
    ['POST', '/alerts', [{}], 422, { code: 602, message: '0.labels in body is required' }],
    ['POST', '/alerts', [{ labels: { a: 'b' }, startsAt: 'now' }], 400, expect.objectContaining({ code: 400 })],
    ['POST', '/silences', { ...base, matchers: [] }, 422, expect.objectContaining({ code: 612 })],
    ['POST', '/silences', { matchers: match('x') }, 422, expect.objectContaining({ code: 602 })],
    [
      'POST',
      '/silences',
      { ...base, matchers: match('.*', true) },
      400,
      'invalid silence: matcher set 0: at least one matcher must not match the empty string',
    ],
    ['POST', '/silences', { ...base, matchers: match('(', true) }, 400, expect.stringContaining('invalid regular')],
    [
      'POST',
      '/silences',
      { ...base, endsAt: '2026-01-02T00:00:00Z', matchers: match('x') },
      400,
      "Failed to create silence: end time can't be in the past",
    ],
    [
      'POST',
      '/silences',
      { ...base, id: '3ff16d1c-5a9d-4f9c-8a4f-000000000000', matchers: match('x') },
      404,
      'silence not found',
    ],
    ['GET', '/silence/3ff16d1c-5a9d-4f9c-8a4f-000000000000', undefined, 404, undefined],
    ['DELETE', '/silence/3ff16d1c-5a9d-4f9c-8a4f-000000000000', undefined, 404, undefined],
    ['GET', '/silence/xyz', undefined, 422, expect.objectContaining({ code: 601 })],
    ['GET', '/alerts?filter=a~b', undefined, 400, 'bad matcher format: a~b'],
    ['GET', '/alerts?receiver=(', undefined, 400, expect.stringContaining('failed to parse receiver param')],
  ])('%s %s %o answers %i', async (method, path, body, status, answer) => {
    const alertmanager = await stage.start(QUIET);
    const response = await fetch(`${alertmanager.url}/api/v2${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    expect(response.status).toBe(status);
    if (answer === undefined) expect(text).toBe('');
    else expect(JSON.parse(text)).toEqual(answer);
  });

  test('other origins may ask', async () => {
    const alertmanager = await stage.start(QUIET);
    const headers = { origin: 'http://x.test', 'access-control-request-method': 'POST' };
    for (const method of ['GET', 'OPTIONS']) {
      const response = await fetch(`${alertmanager.url}/api/v2/status`, { method, headers });
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
    }
  });
});
