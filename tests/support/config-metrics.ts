import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, selectorsOf } from '@avalanche/promql';
import { parse as parseYaml } from 'yaml';

/** The folder `config/` of this checkout. */
export const configDirectory = fileURLToPath(new URL('../../config/', import.meta.url));

/** A query of the configuration and where it stands, for messages. */
export interface ConfigQuery {
  readonly where: string;
  readonly expr: string;
}

export interface DashboardTarget {
  readonly refId: string;
  readonly expr: string;
  readonly instant: boolean;
  readonly range: boolean;
  readonly datasource: { readonly type: string; readonly uid: string };
}

export interface DashboardPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly DashboardTarget[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string; readonly noValue?: string } };
}

/** What the tests read of Grafana's dashboard JSON. */
export interface DashboardFile {
  readonly file: string;
  readonly uid: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly schemaVersion: number;
  readonly graphTooltip: number;
  readonly refresh: string;
  readonly time: { readonly from: string; readonly to: string };
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition: string }[] };
  readonly links: readonly { readonly type: string; readonly tags: readonly string[] }[];
  readonly panels: readonly DashboardPanel[];
}

/** Every dashboard of `config/grafana/dashboards`. @throws SyntaxError where a file is not JSON */
export function readDashboards(): readonly DashboardFile[] {
  const directory = `${configDirectory}grafana/dashboards/`;
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((file) => ({ file, ...(JSON.parse(readFileSync(directory + file, 'utf8')) as Omit<DashboardFile, 'file'>) }));
}

/** A dashboard's query as a server could get it: durations for the built-ins, something that matches for variables. */
export function withoutVariables(expr: string): string {
  return expr
    .replaceAll(/\$(?:\{__(?:rate_interval|interval|range)\}|__(?:rate_interval|interval|range)\b)/g, '5m')
    .replaceAll(/\$(?:\{\w+(?::\w+)?\}|\w+)/g, '.*');
}

/** The queries of all panels and variables of the shipped dashboards, variables replaced. */
export function dashboardQueries(): readonly ConfigQuery[] {
  return readDashboards().flatMap(({ file, panels, templating }) => [
    ...panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ refId, expr }) => ({ where: `${file}: ${title} ${refId}`, expr: withoutVariables(expr) })),
    ),
    ...templating.list.map(({ name, definition }) => ({
      where: `${file}: $${name}`,
      expr: /^label_values\((.+), *\w+\)$/.exec(definition)?.[1] ?? definition,
    })),
  ]);
}

/** What the tests read of a rule. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Every alert of `config/prometheus/alerts/rules.yml`. That the file is valid is another test's matter. */
export function readAlerts(): readonly AlertRule[] {
  const text = readFileSync(`${configDirectory}prometheus/alerts/rules.yml`, 'utf8');
  const { groups } = parseYaml(text) as { readonly groups: readonly { readonly rules: readonly AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** Series that Prometheus writes itself: no target exposes them. */
const SYNTHETIC = /^(?:up|scrape_\w+|ALERTS|ALERTS_FOR_STATE)$/;

/**
 * Every series name that the rules and dashboards of `config/` read and that a target must expose (so without `up`,
 * `ALERTS` and their like), in alphabetical order. Names of histograms and summaries are those of their series, such
 * as `http_request_duration_seconds_bucket`. @throws ParseError; Error for a selector without a name
 */
export function metricNamesInConfig(): readonly string[] {
  const names = new Set<string>();
  const rules = readAlerts().map(({ alert, expr }) => ({ where: alert, expr }));
  for (const { where, expr } of [...rules, ...dashboardQueries()]) {
    for (const { name } of selectorsOf(parse(expr))) {
      if (name === '') throw new Error(`${where}: a selector without a metric name: ${expr}`);
      if (!SYNTHETIC.test(name)) names.add(name);
    }
  }
  return [...names].sort();
}
