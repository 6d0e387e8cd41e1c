import { dividerOf, type MetricFamily, parseTextFamilies } from '@avalanche/exposition';
import { readStdin, type ToolCommand } from '../tools/tool-command.ts';
import { lintFamilies } from './lint-metrics.ts';

/** Upstream's exit code for what the linter found. */
const LINT_EXIT = 3;

export const checkMetricsCommand: ToolCommand = {
  path: ['check', 'metrics'],
  summary:
    'Pass Prometheus metrics over stdin to lint them for consistency and correctness, or to see how many there are.',
  flags: {
    extended: {
      kind: 'boolean',
      help: 'Print extended information related to the cardinality of the metrics.',
      default: 'false',
    },
    lint: { kind: 'string', help: 'Linting checks to apply: all, none.', default: 'all' },
  },
  args: [],
  async run({ flags }, context) {
    const { output } = context;
    const [extended, lints] = [flags.boolean('extended'), flags.string('lint') !== 'none'];
    if (!extended && !lints) {
      output.err('error: at least one of --extended or linting must be enabled\n');
      output.err('Use --extended for cardinality analysis, or remove --lint=none to enable linting\n');
      return 1;
    }
    const families = readFamilies(readStdin(context), lints);
    const problems = lints ? lintFamilies(families) : [];
    for (const { metric, text } of problems) output.err(`${metric} ${text}\n`);
    if (extended) output.out(cardinalityTable(families));
    return problems.length > 0 ? LINT_EXIT : 0;
  },
};

/** @throws Error */
function readFamilies(text: string, lints: boolean): MetricFamily[] {
  try {
    // Upstream's linter knows no other names, its counter of series does.
    return parseTextFamilies(text, lints ? 'legacy' : 'utf8');
  } catch (error) {
    const doing = lints ? 'error while linting' : 'error while parsing text to metric families';
    throw new Error(`${doing}: ${(error as Error).message}`, { cause: error });
  }
}

const COLUMN_GAP = 4;

function cardinalityTable(families: readonly MetricFamily[]): string {
  const counted = families.map((family) => ({ name: family.name, series: seriesOf(family) }));
  const total = counted.reduce((sum, { series }) => sum + series, 0);
  const rows = [
    ['Metric', 'Cardinality', 'Percentage'],
    ...counted
      .sort((a, b) => b.series - a.series)
      .map(({ name, series }) => [name, String(series), `${((series / total) * 100).toFixed(2)}%`]),
    ['Total', String(total), '100%'],
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => [...row[column]].length)) + COLUMN_GAP);
  return rows.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i])).join('')}\n`).join('');
}

/** A summary or histogram has as many parts as its first metric, its sum and its count. */
function seriesOf(family: MetricFamily): number {
  const { metrics } = family;
  return dividerOf(family) === null || family.type === 'GAUGE_HISTOGRAM'
    ? metrics.length
    : metrics.length * (2 + metrics[0].parts.length);
}
