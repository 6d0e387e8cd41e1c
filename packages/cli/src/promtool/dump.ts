import {
  type FloatHistogram,
  formatG,
  formatHistogram,
  type Labels,
  type Matcher,
  METRIC_NAME,
  quote,
  type SampleColumns,
} from '@avalanche/model';
import { parseMatchers } from '@avalanche/promql';
import { openReadOnly, type ReadOnlyDb, type StoredSeries } from '@avalanche/tsdb';
import type { FlagSpecs } from '../flags.ts';
import { goJson } from '../tools/go-format.ts';
import { BufferedOut } from '../tools/output.ts';
import { databasePath, parseInt64, type ToolCommand, type ToolContext, type ToolInput } from '../tools/tool-command.ts';

const EVERY_SERIES = "{__name__=~'(?s:.*)'}";

const rangeFlags: FlagSpecs = {
  'sandbox-dir-root': { kind: 'string', help: 'Has no effect: nothing is written.' },
  'min-time': { kind: 'string', help: 'Oldest time, in milliseconds.', default: '-9223372036854775808' },
  'max-time': { kind: 'string', help: 'Newest time, in milliseconds.', default: '9223372036854775807' },
  match: { kind: 'list', help: 'A series selector; may be given more than once.', default: EVERY_SERIES },
};

export const dumpCommand: ToolCommand = {
  path: ['tsdb', 'dump'],
  summary: 'Print the samples, or the series alone, of a data directory.',
  flags: {
    ...rangeFlags,
    format: { kind: 'string', help: 'prom or seriesjson (series alone).', default: 'prom' },
  },
  args: [databasePath],
  run(input, context) {
    const format = input.parsed('format', (text) => {
      if (text === 'prom' || text === 'seriesjson') return text;
      throw new Error(`enum value must be one of prom,seriesjson, got '${text}'`);
    });
    return dump(input, context, format === 'prom' ? writeSamples : writeSeriesJson, '');
  },
};

export const dumpOpenMetricsCommand: ToolCommand = {
  path: ['tsdb', 'dump-openmetrics'],
  summary: 'Print the samples of a data directory as OpenMetrics text, which create-blocks-from reads.',
  flags: rangeFlags,
  args: [databasePath],
  run(input, context) {
    return dump(input, context, writeOpenMetrics, '# EOF\n');
  },
};

type WriteSeries = (series: StoredSeries, out: BufferedOut) => void;

async function dump(input: ToolInput, context: ToolContext, write: WriteSeries, end: string): Promise<number> {
  const { output } = context;
  const minTime = input.parsed('min-time', parseInt64);
  const maxTime = input.parsed('max-time', parseInt64);
  // Upstream finds nothing by a selector without matchers.
  const matcherSets = input.flags.list('match').map(parseMatchers).filter(isNotEmpty);
  const directory = input.arg('db path');
  const db = await openReadOnly(directory);
  const out = new BufferedOut(output);
  try {
    checkNotEmpty(db, directory);
    if (db.tornTail) output.err(`warning: the log ends early, what is before is read: ${db.tornTail.message}\n`);
    for (const series of db.series(matcherSets, minTime, maxTime)) {
      write(series, out);
    }
    out.write(end);
    return 0;
  } finally {
    out.flush();
    db.close();
  }
}

function isNotEmpty(matchers: readonly Matcher[]): boolean {
  return matchers.length > 0;
}

function checkNotEmpty({ blocks, head, tornTail }: ReadOnlyDb, directory: string): void {
  if (blocks.length > 0 || head.series.size > 0 || tornTail) return;
  throw new Error(`${directory} holds no data: there are neither blocks nor series in a write-ahead log`);
}

function writeSamples({ labels, parts }: StoredSeries, out: BufferedOut): void {
  const prefix = labelText(labels, ', ');
  let wasHistogram = false;
  for (const columns of parts()) {
    const { t, v, histograms } = columns;
    for (let i = 0; i < columns.length; i++) {
      const histogram = histograms?.[i];
      // As the storage has it, the end of a series is a sample of the kind that stood before.
      wasHistogram = histogram !== undefined || (wasHistogram && columns.isStale(i));
      const text = histogram ? histogramText(histogram) : wasHistogram ? STALE_HISTOGRAM : formatG(v[i]);
      out.write(`${prefix} ${text} ${t[i]}\n`);
    }
  }
}

const STALE_HISTOGRAM = '{count:0, sum:NaN}';

/** Counts of integers are printed whole, those of floats as floats. */
function histogramText(histogram: FloatHistogram): string {
  return formatHistogram(histogram, histogram.ofIntegers ? String : formatG);
}

function writeOpenMetrics({ labels, parts }: StoredSeries, out: BufferedOut): void {
  const prefix = labels.metricName + labelText(labels.without(METRIC_NAME), ',');
  for (const columns of parts()) {
    for (let i = 0; i < columns.length; i++) {
      // The format has no place for native histograms: upstream ends the series at the first, we leave each out.
      if (columns.histograms?.[i]) continue;
      out.write(`${prefix} ${formatG(columns.v[i])} ${secondsOf(columns, i)}\n`);
    }
  }
}

function writeSeriesJson({ labels }: StoredSeries, out: BufferedOut): void {
  out.write(`${goJson(labels)}\n`);
}

/** Every label in braces, the name among them. */
function labelText(labels: Labels, separator: string): string {
  const parts: string[] = [];
  for (const [name, value] of labels.entries()) {
    parts.push(`${/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : quote(name)}=${quote(value)}`);
  }
  return `{${parts.join(separator)}}`;
}

function secondsOf({ t }: SampleColumns, i: number): string {
  return (t[i] / 1000).toFixed(3);
}
