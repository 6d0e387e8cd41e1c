import { type Labels, seriesName } from '../api/prometheus/query.ts';

/**
 * Names for the series of one query. `{{label}}` takes the label's value; without a format, what tells the series apart
 * is shown: the differing labels, or for a lone series its name or the query.
 */
export function legendNames(format: string, series: readonly Labels[], expr: string): readonly string[] {
  if (format !== '' && format !== '__auto') {
    return series.map((labels) => fillLabels(format, labels));
  }
  if (series.length === 1) return [loneName(series[0]!, expr, format)];
  if (format === '') return series.map((labels) => seriesName(labels));
  const differing = differingLabels(series);
  return series.map((labels) => {
    if (differing.length === 1) return labels[differing[0]!] ?? seriesName(labels);
    const part = Object.fromEntries(differing.map((label) => [label, labels[label] ?? '']));
    return differing.length === 0 ? seriesName(labels) : seriesName(part);
  });
}

/** `{{label}}` as the label's value, nothing where it has none. */
export function fillLabels(format: string, labels: Labels): string {
  return format.replaceAll(/\{\{\s*([^}]+?)\s*\}\}/g, (_, label: string) => labels[label] ?? '');
}

function loneName(labels: Labels, expr: string, format: string): string {
  if (Object.keys(labels).length === 0) return expr.replaceAll(/\s+/g, ' ').trim();
  return format === '__auto' && labels.__name__ ? labels.__name__ : seriesName(labels);
}

function differingLabels(series: readonly Labels[]): readonly string[] {
  const names = new Set(series.flatMap((labels) => Object.keys(labels)));
  return [...names].filter((name) => series.some((labels) => labels[name] !== series[0]![name]));
}
