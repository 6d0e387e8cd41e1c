import { formatBytes } from '@avalanche/model';
import { parseSelector } from '@avalanche/promql';
import {
  type CleanupRequest,
  cleanUp,
  DirectoryLocked,
  openBlocks,
  type PlannedCleanup,
  planCleanup,
} from '@avalanche/tsdb';
import { UsageError } from '../flags.ts';
import { formatTable } from '../tools/go-format.ts';
import type { Output } from '../tools/output.ts';
import { databasePath, type ToolCommand } from '../tools/tool-command.ts';
import { parseAge } from './times.ts';

const HEADER = ['BLOCK ULID', 'MIN TIME', 'MAX TIME', 'ACTION', 'SERIES', 'SAMPLES', 'FREES'];

export const cleanupCommand: ToolCommand = {
  path: ['tsdb', 'cleanup'],
  summary: 'Delete old samples from the blocks of a directory that no server has open, and tell how much that frees.',
  flags: {
    'older-than': {
      kind: 'string',
      help: 'A duration such as 30d, a date (RFC 3339) or a Unix time.',
      placeholder: 'AGE',
    },
    match: { kind: 'list', help: 'Only the series of this selector; may be given more than once.' },
    'dry-run': { kind: 'boolean', help: 'Tell what would be freed, and change nothing.' },
  },
  requiredFlags: ['older-than'],
  args: [databasePath],
  async run(input, { output, now }) {
    const age = input.flags.string('older-than');
    const request: CleanupRequest = {
      before: beforeOf(age, now()),
      matcherSets: input.flags.list('match').map(parseSelector),
    };
    const directory = input.arg('db path');
    if (input.flags.boolean('dry-run')) {
      tellPlan(planCleanup(directory, request), request, output);
      return 0;
    }
    await clean(directory, request, output);
    return 0;
  },
};

function beforeOf(age: string, now: number): number {
  try {
    return parseAge(age, now);
  } catch (error) {
    throw new UsageError(`--older-than: ${(error as Error).message}, try --help`);
  }
}

async function clean(directory: string, request: CleanupRequest, output: Output): Promise<void> {
  const progress = {
    planned: (plans: readonly PlannedCleanup[]) => tellPlan(plans, request, output),
    done: ({ ulid, action }: PlannedCleanup) =>
      output.out(`${ulid} ${action === 'delete' ? 'deleted' : 'rewritten'}\n`),
  };
  try {
    const { bytesBefore, bytesAfter } = await cleanUp(directory, request, progress);
    if (bytesBefore === bytesAfter) return;
    const freed = formatBytes(Math.max(0, bytesBefore - bytesAfter));
    output.out(`Freed ${freed}: ${formatBytes(bytesBefore)} before, ${formatBytes(bytesAfter)} now.\n`);
    tellOfLog(directory, request, output);
  } catch (error) {
    if (!(error instanceof DirectoryLocked)) throw error;
    const hint = 'stop it or use POST /api/v1/admin/tsdb/delete_series';
    throw new Error(`${error.message}; ${hint}`, { cause: error });
  }
}

function tellPlan(plans: readonly PlannedCleanup[], { before }: CleanupRequest, output: Output): void {
  const moment = new Date(before).toISOString();
  if (plans.length === 0) {
    output.out(`Nothing to free: no block has such samples before ${moment}. The write-ahead log is not touched.\n`);
    return;
  }
  const rows = plans.map(({ ulid, minTime, maxTime, action, series, samples, bytes }) => [
    ulid,
    new Date(minTime).toISOString(),
    new Date(maxTime).toISOString(),
    action,
    String(series),
    String(samples),
    action === 'delete' ? formatBytes(bytes) : `about ${formatBytes(bytes)}`,
  ]);
  const sum = (of: (plan: PlannedCleanup) => number) => plans.reduce((total, plan) => total + of(plan), 0);
  const rewritten = plans.filter(({ action }) => action === 'rewrite').length;
  const about = rewritten > 0 ? 'about ' : '';
  output.out(formatTable([HEADER, ...rows]));
  output.out(
    `Before ${moment}: ${sum(({ samples }) => samples)} samples, ${about}${formatBytes(sum(({ bytes }) => bytes))}; ` +
      `blocks to delete: ${plans.length - rewritten}, to rewrite: ${rewritten}.\n`,
  );
}

/** Samples that are not in blocks yet are not reached from here. */
function tellOfLog(directory: string, { before }: CleanupRequest, output: Output): void {
  const blocks = openBlocks(directory);
  const end = Math.max(...blocks.map(({ meta }) => meta.maxTime));
  for (const block of blocks) block.close();
  if (before > end) output.out('What is in the write-ahead log alone stays.\n');
}
