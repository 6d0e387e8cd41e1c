import { readFileSync } from 'node:fs';

export interface PanelQuery {
  readonly panel: string;
  readonly text: string;
}

interface Panel {
  readonly title?: string;
  readonly targets?: readonly { readonly expr?: string }[];
  readonly panels?: readonly Panel[];
}

/**
 * Every query of a Grafana dashboard, with its variables put in; a variable that is not known stays, as in Grafana.
 * @param variables by name, built-in ones too (`__rate_interval`)
 */
export function panelQueries(file: URL, variables: Readonly<Record<string, string>>): PanelQuery[] {
  const { panels = [] } = JSON.parse(readFileSync(file, 'utf8')) as Panel;
  const fill = (text: string) => text.replace(/\$(?:(\w+)|\{(\w+)\})/g, (all, a, b) => variables[a ?? b] ?? all);
  const queries = ({ title = '', targets = [], panels: inner = [] }: Panel): PanelQuery[] => [
    ...targets.flatMap(({ expr }) => (expr ? [{ panel: title, text: fill(expr) }] : [])),
    ...inner.flatMap(queries),
  ];
  return panels.flatMap(queries);
}

export interface Vector {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: [number, string];
}

export interface ComparisonOptions {
  /** Labels that only one of the versions has. */
  readonly ignoredLabels: readonly string[];
  /** Whether and how values are compared; not those that are each exporter's own, such as its memory. */
  readonly values: 'gauges' | 'rates' | undefined;
}

/** How far two exporters' values may be apart: each was scraped at moments of its own. */
interface Tolerance {
  /** How many times the smaller the larger may be. */
  readonly factor: number;
  /** A difference that no graph shows, where both are small. */
  readonly negligible: number;
}
const OF_GAUGES: Tolerance = { factor: 1.25, negligible: 0.1 };
/** The first and last scrapes within the range count; a wrong unit would be further off. */
const OF_RATES: Tolerance = { factor: 5, negligible: 5 };

/**
 * What the answer to a query about ours lacks that the one about the original has, in words; series are told apart by their
 * labels without `job` and `instance`.
 */
export function missing(original: readonly Vector[], ours: readonly Vector[], options: ComparisonOptions): string[] {
  const dropped = new Set(['job', 'instance', ...options.ignoredLabels]);
  const key = ({ metric }: Vector) =>
    Object.entries(metric)
      .filter(([name]) => !dropped.has(name))
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .sort()
      .join(',');
  const there = new Map(ours.map((series) => [key(series), Number(series.value[1])]));
  return original.flatMap((series) => {
    const labels = key(series);
    const value = there.get(labels);
    if (value === undefined) return [`no {${labels}}`];
    const expected = Number(series.value[1]);
    return !options.values || isNear(expected, value, options.values) ? [] : [`{${labels}}: ${value}, not ${expected}`];
  });
}

function isNear(a: number, b: number, values: 'gauges' | 'rates'): boolean {
  const { factor, negligible } = values === 'rates' ? OF_RATES : OF_GAUGES;
  const [small, large] = [a, b].map(Math.abs).sort((x, y) => x - y);
  return Object.is(a, b) || Math.abs(a - b) <= negligible || (a * b > 0 && large <= small * factor);
}
