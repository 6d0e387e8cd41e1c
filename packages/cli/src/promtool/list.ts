import { formatGoDuration } from '@avalanche/model';
import { type Block, openBlocks } from '@avalanche/tsdb';
import type { FlagSpec } from '../flags.ts';
import { formatBase2, formatGoTime, formatTable } from '../tools/go-format.ts';
import { databasePath, type ToolCommand } from '../tools/tool-command.ts';

export const humanReadable: FlagSpec = {
  kind: 'boolean',
  short: 'r',
  help: 'Times as dates, sizes with units.',
};

const HEADER = ['BLOCK ULID', 'MIN TIME', 'MAX TIME', 'DURATION', 'NUM SAMPLES', 'NUM CHUNKS', 'NUM SERIES', 'SIZE'];

export const listCommand: ToolCommand = {
  path: ['tsdb', 'list'],
  summary: 'List the blocks of a data directory.',
  flags: { 'human-readable': humanReadable },
  args: [databasePath],
  async run(input, { output }) {
    const blocks = openBlocks(input.arg('db path'));
    try {
      output.out(formatBlocks(blocks, { header: true, human: input.flags.boolean('human-readable') }));
    } finally {
      for (const block of blocks) block.close();
    }
    return 0;
  },
};

/** The table of `tsdb list`, for the blocks that `create-blocks-from` tells of too. */
export function formatBlocks(
  blocks: readonly Block[],
  { header, human }: { readonly header: boolean; readonly human: boolean },
): string {
  const time = human ? formatGoTime : String;
  const rows = blocks.map(({ meta: { ulid, minTime, maxTime, stats }, sizeBytes }) => [
    ulid,
    time(minTime),
    time(maxTime),
    formatGoDuration(maxTime - minTime),
    String(stats.numSamples),
    String(stats.numChunks),
    String(stats.numSeries),
    human ? formatBase2(sizeBytes) : String(sizeBytes),
  ]);
  return formatTable(header ? [HEADER, ...rows] : rows);
}
