import { mkdirSync } from 'node:fs';
import {
  Labels,
  loadXxhash64,
  METRIC_NAME,
  NORMAL_NAN_HIGH,
  NORMAL_NAN_LOW,
  parseGoDuration,
  quote,
} from '@avalanche/model';
import { BlockDraft, importRange } from '@avalanche/tsdb';
import type { HttpClient } from '@avalanche/web';
import { httpClientOf, httpConfigFlag, serverUrl } from '../tools/http-config.ts';
import type { Output } from '../tools/output.ts';
import type { ToolCommand, ToolContext, ToolInput } from '../tools/tool-command.ts';
import { importFlags } from './openmetrics.ts';
import { queryRange, type RangeSeries } from './range-query.ts';
import { parseTime } from './times.ts';

/** Upstream leaves out what a server may not have in a block yet. */
const END_AGE_MS = 3 * 3_600_000;

export const rulesCommand: ToolCommand = {
  path: ['tsdb', 'create-blocks-from', 'rules'],
  summary: 'Make blocks of what recording rules would have recorded, by range queries to a Prometheus.',
  flags: {
    ...importFlags,
    ...httpConfigFlag,
    url: { kind: 'string', help: 'The Prometheus to ask.', default: 'http://localhost:9090' },
    start: { kind: 'string', help: 'From when on: a Unix time or a date (RFC 3339).' },
    end: { kind: 'string', help: 'Until when, as --start. Default: three hours ago.' },
    'output-dir': { kind: 'string', help: 'Where the blocks go.', default: 'data/' },
    'eval-interval': { kind: 'string', help: 'The interval of groups that have none.', default: '60s' },
  },
  requiredFlags: ['start'],
  args: [
    {
      name: 'rule-files',
      help: 'Rule files; alerting rules in them are passed over.',
      required: true,
      many: true,
      file: true,
    },
  ],
  async run(input, context) {
    const job = jobOf(input, context);
    const groups = await loadGroups(input.rest('rule-files'), job);
    mkdirSync(job.directory, { recursive: true });
    const failures: string[] = [];
    for (const group of groups) failures.push(...(await importGroup(group, job, context)));
    job.http.close();
    for (const failure of failures) context.output.err(`rule importer error: ${failure}\n`);
    if (failures.length > 0) throw new Error('error importing rules');
    return 0;
  },
};

/** Times in whole seconds, as upstream counts here. */
interface ImportJob {
  readonly server: URL;
  readonly http: HttpClient;
  readonly directory: string;
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly blockSeconds: number;
  readonly intervalMs: number;
}

function jobOf(input: ToolInput, { now, output }: ToolContext): ImportJob {
  const { flags } = input;
  const blockMs = importRange(input.parsed('max-block-duration', parseGoDuration));
  const intervalMs = input.parsed('eval-interval', parseGoDuration);
  const end = flags.given('end') ? timeOf('end', flags.string('end')) : now() - END_AGE_MS;
  const start = timeOf('start', flags.string('start'));
  if (start >= end) throw new Error('start time is not before end time');
  log(output, 'new rule importer', { start: new Date(start).toISOString(), end: new Date(end).toISOString() });
  const server = serverUrl(flags.string('url'));
  return {
    server,
    http: httpClientOf(input, server),
    directory: flags.string('output-dir'),
    startSeconds: Math.floor(start / 1000),
    endSeconds: Math.floor(end / 1000),
    blockSeconds: blockMs / 1000,
    intervalMs,
  };
}

function timeOf(flag: string, text: string): number {
  try {
    return parseTime(text);
  } catch (error) {
    throw new Error(`error parsing ${flag} time: ${(error as Error).message}`, { cause: error });
  }
}

interface ImportedRule {
  readonly record: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface ImportedGroup {
  readonly file: string;
  readonly name: string;
  readonly intervalMs: number;
  /** By which upstream places the group in time. */
  readonly hash: bigint;
  readonly rules: readonly ImportedRule[];
}

async function loadGroups(files: readonly string[], { intervalMs }: ImportJob): Promise<ImportedGroup[]> {
  const { loadRuleFile } = await import('@avalanche/prometheus');
  const loaded = await Promise.all(files.map((file) => loadRuleFile(file))).catch((error: Error) => {
    throw new Error(`rule importer parse error: ${error.message}`, { cause: error });
  });
  const hash = await loadXxhash64();
  return loaded.flatMap(({ file, groups }) =>
    groups.map((group) => ({
      file,
      name: group.name,
      intervalMs: group.interval || intervalMs,
      hash: hash(groupKey(file, group.name)),
      rules: group.rules.flatMap(({ record, expr, labels }) =>
        record === undefined ? [] : [{ record, expr, labels: { ...group.labels, ...labels } }],
      ),
    })),
  );
}

/** @returns what went wrong, rule by rule */
async function importGroup(group: ImportedGroup, job: ImportJob, context: ToolContext): Promise<string[]> {
  const failures: string[] = [];
  log(context.output, 'processing group', { name: `${group.file};${group.name}` });
  for (const [id, rule] of group.rules.entries()) {
    log(context.output, 'processing rule', { id, name: rule.record });
    try {
      await importRule(rule, group, job, context);
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  return failures;
}

/** One query and one block for each range of blocks. */
async function importRule(rule: ImportedRule, group: ImportedGroup, job: ImportJob, context: ToolContext) {
  const { startSeconds, endSeconds, blockSeconds } = job;
  const first = Math.floor(startSeconds / blockSeconds) * blockSeconds;
  for (let block = first; block <= endSeconds; block += blockSeconds) {
    const start = evaluationAfter(Math.max(block, startSeconds), group);
    const end = Math.min(block + blockSeconds - 1, endSeconds);
    if (end < start) break;
    const range = { query: rule.expr, start, end, step: group.intervalMs / 1000 };
    const matrix = await queryRange(job.server, range, job.http);
    const draft = new BlockDraft(blockSeconds * 1000);
    for (const series of matrix) addSeries(series, rule, draft);
    await draft.write(job.directory, context.now());
  }
}

/** @throws Error where the labels of the rule make one series of two */
function addSeries({ metric, values }: RangeSeries, rule: ImportedRule, draft: BlockDraft): void {
  const series = draft.series(Labels.from({ ...metric, ...rule.labels, [METRIC_NAME]: rule.record }));
  const value = new Float64Array(1);
  const bits = new Uint32Array(value.buffer);
  for (const [seconds, text] of values) {
    value[0] = numberOf(text);
    if (Number.isNaN(value[0])) bits.set([NORMAL_NAN_LOW, NORMAL_NAN_HIGH]);
    const refusal = draft.add(series, Math.round(seconds * 1000), bits[0], bits[1]);
    if (refusal) throw new Error(`add: multiappender append: ${refusal}`);
  }
}

function numberOf(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text);
}

/** The first moment, in seconds, at or after a whole second at which upstream would evaluate a group. */
function evaluationAfter(seconds: number, { hash, intervalMs }: ImportedGroup): number {
  const interval = BigInt(Math.round(intervalMs * 1e6));
  const start = BigInt(seconds) * 1_000_000_000n;
  const offset = hash % interval;
  let next = start - offset - ((start - offset) % interval) + offset;
  while (next < start) next += interval;
  return Number(next / 1_000_000_000n) + Number(next % 1_000_000_000n) / 1e9;
}

/** What upstream hashes: labels of the group, each name and value ended by a byte that no text has. */
function groupKey(file: string, name: string): Uint8Array {
  const separator = Buffer.of(0xff);
  return Buffer.concat(['file', file, 'name', name].flatMap((text) => [Buffer.from(text), separator]));
}

function log(output: Output, message: string, fields: Readonly<Record<string, string | number>>): void {
  const text = Object.entries(fields).map(
    ([key, value]) => `${key}=${/[\s"=]/.test(String(value)) ? quote(String(value)) : value}`,
  );
  output.err(`level=info component=backfiller msg=${quote(message)} ${text.join(' ')}\n`);
}
