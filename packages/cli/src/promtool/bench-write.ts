import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatG, formatGoDuration, Labels, nextTurn, silentLogger } from '@avalanche/model';
import { takeProfile } from '@avalanche/prometheus';
import { Tsdb } from '@avalanche/tsdb';
import type { Output } from '../tools/output.ts';
import type { ToolCommand } from '../tools/tool-command.ts';

/** Between two scrapes of the same series, in milliseconds. */
const INTERVAL_MS = 30_000;
/** Series of one commit, and how many times they are written before the next ones come. */
const SERIES_OF_BATCH = 1000;
const SCRAPES_OF_ROUND = 100;
const FIRST_VALUE = 123_456_789;
const VALUE_STEP = 1000;

export const benchWriteCommand: ToolCommand = {
  path: ['tsdb', 'bench', 'write'],
  summary: 'Run a write performance benchmark.',
  flags: {
    out: { kind: 'string', help: 'Set the output path. What is there is deleted.', default: 'benchout' },
    metrics: { kind: 'string', help: 'Number of metrics to read.', default: '10000' },
    scrapes: { kind: 'string', help: 'Number of scrapes to simulate.', default: '3000' },
  },
  args: [
    {
      name: 'file',
      help: 'Series, one a line: {"__name__":"a","job":"b"}.',
      default: join('..', '..', 'tsdb', 'testdata', '20kseries.json'),
    },
  ],
  async run(input, { output }) {
    const [metrics, scrapes] = [input.parsed('metrics', parseCount), input.parsed('scrapes', parseCount)];
    const outPath = input.flags.string('out');
    rmSync(outPath, { recursive: true, force: true });
    mkdirSync(outPath, { recursive: true });
    const tsdb = await Tsdb.open({ directory: join(outPath, 'storage'), autoMaintenance: false, logger: silentLogger });
    const stage = new Stages(output);
    const series = await stage.run('readData', async () => readSeries(input.arg('file'), metrics));
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const profiles = Promise.all([takeProfile('profile', () => ended), takeProfile('allocs', () => ended)]);
    const total = await stage.run('ingestScrapes', () => ingest(tsdb, series, scrapes, output));
    output.out(` > total samples: ${total}\n`);
    output.out(` > samples/sec: ${formatG(total / (stage.lastMs / 1000))}\n`);
    await stage.run('stopStorage', async () => {
      await tsdb.close();
      end();
      for (const [i, profile] of (await profiles).entries()) {
        writeFileSync(join(outPath, ['cpu.prof', 'mem.prof'][i]), profile);
      }
    });
    return 0;
  },
};

/** @throws Error in Go's words */
function parseCount(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

class Stages {
  lastMs = 0;

  constructor(private readonly output: Output) {}

  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.output.out(`>> start stage=${name}\n`);
    const begin = performance.now();
    const result = await work();
    this.lastMs = performance.now() - begin;
    this.output.out(`>> completed stage=${name} duration=${formatGoDuration(Math.round(this.lastMs))}\n`);
    return result;
  }
}

/** The first series of a file, each once. @throws Error where a line names none */
function readSeries(file: string, max: number): Labels[] {
  const found = new Map<string, Labels>();
  for (const [i, line] of readFileSync(file, 'utf8').trimEnd().split('\n').entries()) {
    if (found.size >= max) break;
    const pairs = line
      .replaceAll(/["{}]/g, '')
      .split(',')
      .map((pair) => pair.split(':'));
    if (pairs.some((pair) => pair.length < 2))
      throw new Error(`${file}:${i + 1}: not a series: ${JSON.stringify(line)}`);
    const labels = Labels.from(Object.fromEntries(pairs));
    found.set(labels.key, labels);
  }
  return [...found.values()];
}

/** Rounds of scrapes, series by series batches, as upstream's; @returns how many samples were written */
async function ingest(tsdb: Tsdb, series: readonly Labels[], scrapes: number, output: Output): Promise<number> {
  let total = 0;
  for (let round = 0; round < scrapes; round += SCRAPES_OF_ROUND) {
    for (let from = 0; from < series.length; from += SERIES_OF_BATCH) {
      total += writeBatch(tsdb, series.slice(from, from + SERIES_OF_BATCH), INTERVAL_MS * round);
      await nextTurn();
    }
  }
  output.out('ingestion completed\n');
  return total;
}

function writeBatch(tsdb: Tsdb, batch: readonly Labels[], baseTime: number): number {
  let value = FIRST_VALUE;
  let refs: number[] = [];
  for (let scrape = 1; scrape <= SCRAPES_OF_ROUND; scrape++) {
    const appender = tsdb.appender();
    if (scrape === 1) refs = batch.map((labels) => appender.seriesRef(labels));
    value += VALUE_STEP;
    for (const ref of refs) appender.append(ref, baseTime + scrape * INTERVAL_MS, value);
    appender.commit();
  }
  return batch.length * SCRAPES_OF_ROUND;
}
