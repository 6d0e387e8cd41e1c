import { parse } from '@avalanche/promql';
import { describe, expect, test } from 'vitest';
import {
  type DashboardPanel,
  dashboardQueries,
  metricNamesInConfig,
  readDashboards,
  withoutVariables,
} from '../support/config-metrics.ts';

const TITLES: Readonly<Record<string, string>> = {
  'system-overview': 'System Overview',
  'application-metrics': 'Application Metrics',
  'database-performance': 'Database Performance',
  'task-queue': 'Task Queue',
  'edna-pipelines': 'eDNA Pipelines',
};
/** What our UI draws. */
const DRAWN = ['timeseries', 'stat', 'gauge', 'bargauge', 'table', 'text', 'row'];

const dashboards = readDashboards();
const overlaps = (a: DashboardPanel['gridPos'], b: DashboardPanel['gridPos']): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

test('five dashboards under fixed uids, their files named after them', () => {
  expect(Object.fromEntries(dashboards.map(({ uid, title }) => [uid, title]))).toEqual(TITLES);
  expect(dashboards.map(({ file }) => file)).toEqual(dashboards.map(({ uid }) => `${uid}.json`));
});

describe.each(dashboards)('$title', (dashboard) => {
  const { panels } = dashboard;

  test('has the shape that Grafana of today reads', () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39);
    expect(dashboard.tags).toContain('avalanche');
    expect(dashboard.graphTooltip).toBe(1);
    expect(dashboard.refresh).toBe('15s');
    expect(dashboard.time.from).toBe(dashboard.uid === 'edna-pipelines' ? 'now-30m' : 'now-1h');
    expect(dashboard.links).toEqual([expect.objectContaining({ type: 'dashboards', tags: ['avalanche'] })]);
  });

  test('lays its panels out on 24 columns without overlap', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    panels.forEach(({ title, gridPos }, i) => {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (const other of panels.slice(i + 1)) {
        expect(overlaps(gridPos, other.gridPos), `${title} over ${other.title}`).toBe(false);
      }
    });
  });

  test('opens with a row of stats, the first of them its alerts', () => {
    const first = panels.filter(({ gridPos }) => gridPos.y === 0);
    expect(first.map(({ type }) => type)).toEqual(Array(6).fill('stat'));
    expect(first[0]?.title).toBe('Alerts firing');
    for (const { title, fieldConfig } of first) expect(fieldConfig?.defaults.noValue, title).toMatch(/\S/);
  });

  test('explains every panel, gives it a unit and asks the provisioned datasource', () => {
    for (const { type, title, description, fieldConfig, targets = [] } of panels) {
      expect(DRAWN, title).toContain(type);
      if (type === 'row') continue;
      expect(description, title).toMatch(/\S/);
      if (type !== 'table') expect(fieldConfig?.defaults.unit, title).toMatch(/\S/);
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
      for (const target of targets) {
        expect(target.datasource, title).toEqual({ type: 'prometheus', uid: 'prometheus' });
        expect(target.instant, title).toBe(!target.range);
      }
    }
  });

  test('takes no rate over a window that may be too short for two samples', () => {
    for (const { targets = [] } of panels) {
      for (const { expr } of targets) expect(expr).not.toMatch(/\[\$(?:__interval|\{__interval\})\]/);
    }
  });
});

test.each([...dashboardQueries()])('$where can be parsed', ({ expr }) => {
  expect(() => parse(expr)).not.toThrow();
});

test('variables and built-ins are replaced as a server would get them', () => {
  expect(withoutVariables('rate(a{b=~"$instance"}[$__rate_interval]) + increase(c[${__range}])')).toBe(
    'rate(a{b=~".*"}[5m]) + increase(c[5m])',
  );
});

test('what config reads is told by name, without what Prometheus writes itself', () => {
  const names = metricNamesInConfig();
  expect(names).toEqual(
    expect.arrayContaining(['pg_up', 'http_request_duration_seconds_bucket', 'celery_queue_length']),
  );
  expect(names.filter((name) => /^(up|ALERTS)$/.test(name))).toEqual([]);
  expect(names).toEqual([...new Set(names)].sort());
});
