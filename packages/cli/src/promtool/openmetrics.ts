import { mkdirSync } from 'node:fs';
import { ExpositionError, type ExpositionParser } from '@avalanche/exposition';
import { Labels, NORMAL_NAN_HIGH, NORMAL_NAN_LOW, parseGoDuration } from '@avalanche/model';
import { Backfill, importRange, openBlock, SampleRefused } from '@avalanche/tsdb';
import type { FlagSpecs } from '../flags.ts';
import type { ToolCommand, ToolContext, ToolInput } from '../tools/tool-command.ts';
import { formatBlocks, humanReadable } from './list.ts';
import { SampleFile } from './sample-file.ts';

/** What both ways of making blocks take. */
export const importFlags: FlagSpecs = {
  'human-readable': humanReadable,
  quiet: { kind: 'boolean', short: 'q', help: 'Do not print the blocks that were made.' },
  'max-block-duration': { kind: 'string', help: 'How long blocks may be; 2h at least.', default: '0' },
};

/** Series whose text is remembered, to find them without parsing. */
const KNOWN_SERIES_MAX = 200_000;

export const openMetricsCommand: ToolCommand = {
  path: ['tsdb', 'create-blocks-from', 'openmetrics'],
  summary: 'Make blocks of the samples in an OpenMetrics file, each of which has its time.',
  flags: {
    ...importFlags,
    label: { kind: 'list', help: 'A label for every series; may be given more than once.', placeholder: 'NAME=VALUE' },
  },
  args: [
    { name: 'input file', help: 'OpenMetrics text, or a pipe.', required: true },
    { name: 'output directory', help: 'Where the blocks go.', default: 'data/' },
  ],
  async run(input, context) {
    const rangeMs = importRange(input.parsed('max-block-duration', parseGoDuration));
    const extra = extraLabels(input);
    const path = input.arg('input file');
    const file = new SampleFile(path);
    const directory = input.arg('output directory');
    mkdirSync(directory, { recursive: true });
    const backfill = new Backfill(directory, rangeMs);
    const interruption = new Interruption();
    try {
      await readSamples(file, new SampleReader(backfill, extra), interruption.signal);
      await writeBlocks(backfill, { path, directory, rangeMs, signal: interruption.signal }, input, context);
    } finally {
      backfill.close();
      interruption.close();
    }
    return 0;
  },
};

function extraLabels(input: ToolInput): Readonly<Record<string, string>> {
  const pairs = input.flags.list('label').map((text) => {
    const at = text.indexOf('=');
    if (at < 0) throw new Error(`promtool: error: expected KEY=VALUE got '${text}', try --help`);
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  return Object.fromEntries(pairs);
}

async function readSamples(file: SampleFile, reader: SampleReader, signal: AbortSignal): Promise<void> {
  try {
    await file.walk((sample) => {
      if (!sample.hasTimestamp) throw new ExpositionError(sample.line, 'expected timestamp for series got none');
      reader.take(sample);
      return true;
    }, signal);
  } catch (error) {
    if (!(error instanceof ExpositionError)) throw error;
    throw new Error(`getting min and max timestamp: next: ${error.message}`, { cause: error });
  }
}

/** Hands samples to the backfill, finding the series of a line by its text. */
class SampleReader {
  private readonly known = new Map<string, number>();
  private readonly value = new Float64Array(1);
  private readonly bits = new Uint32Array(this.value.buffer);

  constructor(
    private readonly backfill: Backfill,
    private readonly extra: Readonly<Record<string, string>>,
  ) {}

  take(sample: ExpositionParser): void {
    const { value, bits } = this;
    value[0] = sample.value;
    if (Number.isNaN(sample.value)) {
      bits[0] = NORMAL_NAN_LOW;
      bits[1] = NORMAL_NAN_HIGH;
    }
    this.backfill.add(this.seriesOf(sample), sample.timestamp, bits[0], bits[1]);
  }

  private seriesOf(sample: ExpositionParser): number {
    const { body, seriesStart, seriesEnd } = sample;
    const text = (body as Buffer).toString('latin1', seriesStart, seriesEnd); // the buffer of SampleFile
    const known = this.known.get(text);
    if (known !== undefined) return known;
    if (this.known.size === KNOWN_SERIES_MAX) this.known.clear();
    const series = this.backfill.series(Labels.fromMap(sample.seriesMap()).with(this.extra));
    this.known.set(text, series);
    return series;
  }
}

/** The wish of a signal to end, so that temporary files can be removed first. */
class Interruption {
  private readonly controller = new AbortController();
  private readonly abort = () => this.controller.abort(new Error('interrupted'));

  constructor() {
    for (const name of SIGNALS) process.on(name, this.abort);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  close(): void {
    for (const name of SIGNALS) process.off(name, this.abort);
  }
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

interface ImportTarget {
  readonly path: string;
  readonly directory: string;
  readonly rangeMs: number;
  readonly signal: AbortSignal;
}

async function writeBlocks(
  backfill: Backfill,
  target: ImportTarget,
  { flags }: ToolInput,
  { output, now }: ToolContext,
): Promise<void> {
  let header = true;
  for (const start of backfill.ranges()) {
    target.signal.throwIfAborted();
    const ulid = await writeRange(backfill, start, target, now());
    if (ulid === undefined || flags.boolean('quiet')) continue;
    const block = openBlock(target.directory, ulid);
    output.out(formatBlocks([block], { header, human: flags.boolean('human-readable') }));
    block.close();
    header = false;
  }
}

async function writeRange(backfill: Backfill, start: number, target: ImportTarget, now: number) {
  try {
    return await backfill.writeRange(start, now);
  } catch (error) {
    if (!(error instanceof SampleRefused)) throw error;
    const line = await lineOf(error.index, start, target);
    const where = line === undefined ? '' : `line ${line}: `;
    const message = `block creation: process blocks: add sample: ${where}${error.reason} of ${error.labels}`;
    throw new Error(message, { cause: error });
  }
}

/** The line of a sample that is the `index`th of its range; undefined where the file cannot be read again. */
async function lineOf(index: number, start: number, { path, rangeMs }: ImportTarget): Promise<number | undefined> {
  const file = new SampleFile(path);
  let left = index;
  let line: number | undefined;
  const visit = ({ timestamp }: ExpositionParser) => {
    if (timestamp < start || timestamp >= start + rangeMs || left-- > 0) return true;
    line = file.line;
    return false;
  };
  await file.walk(visit, new AbortController().signal).catch(() => undefined);
  return line;
}
