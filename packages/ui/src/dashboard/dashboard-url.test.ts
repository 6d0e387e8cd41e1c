import { expect, test } from 'vitest';
import { decodeDashboardUrl, encodeDashboardUrl } from './dashboard-url.ts';

test('what is encoded is decoded again, in Grafana’s own keys', () => {
  const state = {
    range: { from: 'now-3h', to: 'now' },
    refresh: '10s',
    chosen: new Map([['host', ['a b', 'c&d']]]),
    viewPanel: 7,
  };
  const search = encodeDashboardUrl(state);
  expect(search).toBe('from=now-3h&to=now&refresh=10s&var-host=a+b&var-host=c%26d&viewPanel=7');
  expect(decodeDashboardUrl(search)).toEqual(state);
});

test('newer Grafana writes panel-7; an empty address says nothing', () => {
  expect(decodeDashboardUrl('viewPanel=panel-7').viewPanel).toBe(7);
  expect(decodeDashboardUrl('')).toEqual({
    range: undefined,
    refresh: undefined,
    chosen: new Map(),
    viewPanel: undefined,
  });
});
