import type { Registry } from 'prom-client';
import type { SampleExemplar } from './exemplars.ts';
import { type LabelSet, metricsOf } from './internals.ts';
import { type SampleVisitor, valueText, visitSamples } from './samples.ts';
import { Turns } from './turns.ts';

export type ExpositionFormat = 'text' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** A family with what it says of its samples, a line each. */
export interface RenderedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly lines: string;
}

/** The format that a scraper's `Accept` header asks for. */
export function formatFor(accept: string | undefined): ExpositionFormat {
  return accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'text';
}

/**
 * A registry as text. It is prom-client's, read where it is kept: a large one takes a fraction of the time that
 * `registry.metrics()` takes, and lets other work go on in between.
 */
export async function renderMetrics(registry: Registry, format: ExpositionFormat = 'text'): Promise<string> {
  const families: RenderedFamily[] = [];
  const turns = new Turns();
  for (const metric of metricsOf(registry)) {
    let lines = '';
    const writer = sampleWriter(metric.name, metric.type, format);
    const visit: SampleVisitor = (series, value, exemplar) => {
      lines += writer(series, value, exemplar);
    };
    await visitSamples(metric, commonLabels(registry), visit, turns);
    families.push({ name: metric.name, help: metric.help, type: metric.type, lines });
  }
  return joinFamilies(families, format);
}

/** Writes the sample lines of one family. */
export function sampleWriter(name: string, type: string, format: ExpositionFormat) {
  // OpenMetrics has it that counters end in _total
  const isRenamed = format === 'openmetrics' && type === 'counter' && !name.endsWith('_total');
  return (series: string, value: number, exemplar?: SampleExemplar): string => {
    const full = isRenamed ? `${name}_total${series.slice(name.length)}` : series;
    const more = exemplar && format === 'openmetrics' ? exemplarText(exemplar) : '';
    return `${full} ${valueText(value)}${more}\n`;
  };
}

export function joinFamilies(families: readonly RenderedFamily[], format: ExpositionFormat): string {
  let out = '';
  for (const { name, help, type, lines } of families) {
    const family = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name;
    out += `# HELP ${family} ${helpText(help, format)}\n# TYPE ${family} ${type}\n${lines}`;
  }
  return format === 'openmetrics' ? `${out}# EOF\n` : out;
}

function helpText(help: string, format: ExpositionFormat): string {
  const text = help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
  return format === 'openmetrics' ? text.replace(/"/g, '\\"') : text;
}

function exemplarText({ labels, value, at }: SampleExemplar): string {
  const pairs = Object.entries(labels).map(([name, label]) => `${name}=${JSON.stringify(String(label))}`);
  return ` # {${pairs.join(',')}} ${valueText(value)} ${at / 1000}`;
}

export function commonLabels(registry: Registry): LabelSet {
  return (registry as unknown as { readonly _defaultLabels?: LabelSet })._defaultLabels ?? {};
}
