import { formatGoDuration, type Matcher } from '@avalanche/model';
import { parseMatchers } from '@avalanche/promql';
import { analyzeBlock, type Block, chunkSizes, openBlock, openBlocks, type Ranked } from '@avalanche/tsdb';
import { databasePath, parseInt64, type ToolCommand } from '../tools/tool-command.ts';

export const analyzeCommand: ToolCommand = {
  path: ['tsdb', 'analyze'],
  summary: 'Tell the cardinality, churn and chunk sizes of a block.',
  flags: {
    limit: { kind: 'string', help: 'How many items of each list to show.', default: '20' },
    extended: { kind: 'boolean', help: 'Read the chunks too.' },
    match: { kind: 'string', help: 'A series selector: the block is analyzed as if it had no other series.' },
  },
  args: [databasePath, { name: 'block id', help: 'The block; the newest where none is given.' }],
  async run(input, { output }) {
    const { flags } = input;
    const limit = input.parsed('limit', parseInt64);
    const selector = flags.string('match');
    const matchers = selector === '' ? undefined : parseMatchers(selector);
    const block = chosenBlock(input.arg('db path'), input.arg('block id'));
    try {
      output.out(describeBlock(block, { limit, selector, matchers }));
      if (flags.boolean('extended')) output.out(describeChunks(block, matchers));
    } finally {
      block.close();
    }
    return 0;
  },
};

/** @throws Error where there is no block */
function chosenBlock(directory: string, ulid: string): Block {
  if (ulid !== '') return openBlock(directory, ulid);
  const blocks = openBlocks(directory);
  // As upstream since 3: the one that was made last, not the one that ends last.
  const last = blocks.toSorted((a, b) => (a.meta.ulid < b.meta.ulid ? -1 : 1)).at(-1);
  for (const block of blocks) if (block !== last) block.close();
  if (!last) throw new Error('no blocks found');
  return last;
}

interface AnalyzeOptions {
  readonly limit: number;
  readonly selector: string;
  readonly matchers: readonly Matcher[] | undefined;
}

function describeBlock(block: Block, { limit, selector, matchers }: AnalyzeOptions): string {
  const { ulid, minTime, maxTime, stats } = block.meta;
  const analysis = analyzeBlock(block, matchers);
  const lines = [
    `Block ID: ${ulid}`,
    `Duration: ${formatGoDuration(maxTime - minTime)}`,
    `Total Series: ${stats.numSeries}`,
    ...(matchers ? [`Matcher: ${selector}`] : []),
    `Label names: ${analysis.labelNames}`,
    ...(matchers ? [`Matched series: ${analysis.matchedSeries}`] : []),
    `Postings (unique label pairs): ${analysis.labelPairs}`,
    `Postings entries (total label pairs): ${analysis.postingsEntries}`,
  ];
  const lists: [string, readonly Ranked[]][] = [
    ['Label pairs most involved in churning', analysis.pairChurn],
    ['Label names most involved in churning', analysis.nameChurn],
    ['Most common label pairs', analysis.pairSeries],
    ['Label names with highest cumulative label value length', analysis.valueBytes],
    ['Highest cardinality labels', analysis.valueCounts],
    ['Highest cardinality metric names', analysis.metricSeries],
  ];
  for (const [title, items] of lists) {
    lines.push('', `${title}:`);
    for (const { name, count } of top(items, limit)) lines.push(`${count} ${name}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The largest; of equal ones the first (upstream shows those in no order). */
function top(items: readonly Ranked[], limit: number): readonly Ranked[] {
  return items.toSorted((a, b) => b.count - a.count).slice(0, Math.max(0, limit));
}

function describeChunks(block: Block, matchers: readonly Matcher[] | undefined): string {
  const { floats, histograms } = chunkSizes(block, matchers);
  const all = floats.samples.length + histograms.samples.length;
  return [
    '\nCompaction analysis:\n\n',
    distribution('samples per float chunk', floats.samples, all),
    distribution('bytes per float chunk', floats.bytes, all),
    distribution('samples per histogram chunk', histograms.samples, all),
    distribution('bytes per histogram chunk', histograms.bytes, all),
    distribution('buckets per histogram chunk', histograms.buckets, all),
  ].join('');
}

/** Counts in buckets of ten, a hundred, … and a bar of one sign a percent of all chunks. */
function distribution(title: string, values: readonly number[], all: number): string {
  if (values.length === 0) return `${title}: N/A\n\n`;
  const min = values.reduce((a, b) => Math.min(a, b));
  const max = values.reduce((a, b) => Math.max(a, b));
  const { start, end, step } = bucketsOf(min, max);
  const counts = new Array<number>((end - start) / step + 1).fill(0);
  let sum = 0;
  for (const value of values) {
    sum += value;
    counts[Math.floor((value - start) / step)]++;
  }
  const width = (number: number) => String(number).length;
  const countWidth = width(Math.max(...counts));
  const lines = counts.map((count, i) => {
    const from = String(i * step + start + 1).padStart(width(end));
    const to = String((i + 1) * step + start).padStart(width(end + step));
    const bar = '#'.repeat(Math.floor((100 * count) / all));
    return `[${from}, ${to}]: ${String(count).padStart(countWidth)} ${bar}\n`;
  });
  const average = Math.floor(sum / values.length);
  return `${title} (min/avg/max): ${min}/${average}/${max}\n${lines.join('')}\n`;
}

function bucketsOf(min: number, max: number): { start: number; end: number; step: number } {
  const wanted = Math.floor((max - min) / 10);
  let step = 10;
  while (step < wanted && step <= 10_000) step *= 10;
  return { start: min - (min % step), end: max - (max % step) + step, step };
}
