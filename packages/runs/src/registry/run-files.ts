import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DayFiles, dayOf, makeDirectory } from '@avalanche/web';
import { addPoint, type CurvePoint, isRun, parse, type RunRecord, stringify } from './run-record.ts';

/** The file of running runs is written anew after this many lines more than there are runs. */
const LINES_MAX = 1_000;

/**
 * Where runs are kept: `running.jsonl` has a line for each change of a run under way, the last of a run counts, and one
 * for each point of its curve; ended ones stand in a file for each day (`2026-11-23.jsonl`). A report is in a file before
 * it is answered.
 */
export class RunFiles {
  private readonly ended: DayFiles;
  private readonly runningFile: string;
  private lines = 0;

  /** @throws the system's error where the folder cannot be made */
  constructor(private readonly directory: string) {
    makeDirectory(directory);
    this.ended = new DayFiles(directory);
    this.runningFile = join(directory, 'running.jsonl');
  }

  /** Runs that were under way when the process ended; some of them may have ended. */
  readRunning(): Map<string, RunRecord> {
    const runs = new Map<string, RunRecord>();
    for (const line of linesOf(this.runningFile)) {
      const value = parse(line);
      if (isRun(value)) {
        const { curve } = runs.get(value.run_id) ?? {};
        runs.set(value.run_id, curve ? { ...value, curve } : value);
      } else if (isPoint(value)) {
        const run = runs.get(value.of);
        if (run) runs.set(value.of, addPoint(run, value.point));
      }
    }
    return runs;
  }

  /** Whether so much has been written of running runs that `rewriteRunning` is worth it. */
  get isLong(): boolean {
    return this.lines > LINES_MAX;
  }

  /** @throws the system's error */
  writeRunning(run: RunRecord): void {
    this.append(stringify({ ...run, curve: undefined }));
  }

  /** @throws the system's error */
  writePoint(runId: string, point: CurvePoint): void {
    this.append(stringify({ of: runId, point }));
  }

  /** @throws the system's error, after which the old file is still there */
  rewriteRunning(runs: Iterable<RunRecord>): void {
    const lines = [...runs].flatMap(({ curve = [], ...run }) => [
      stringify(run),
      ...curve.map((point) => stringify({ of: run.run_id, point })),
    ]);
    writeFileSync(`${this.runningFile}.tmp`, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
    renameSync(`${this.runningFile}.tmp`, this.runningFile);
    this.lines = 0;
  }

  /** @throws the system's error */
  writeEnded(run: RunRecord): void {
    const file = join(this.directory, `${dayOf(run.ended_at ?? run.reported_at)}.jsonl`);
    appendFileSync(file, `\n${stringify(run)}\n`, { mode: 0o600 });
  }

  /** Ended runs, those written last first. */
  async *newestFirst(): AsyncGenerator<RunRecord> {
    for await (const line of this.ended.linesNewestFirst()) {
      const value = parse(line);
      if (isRun(value)) yield value;
    }
  }

  /** Begins on a line of its own, as a crash may have torn the line before. */
  private append(line: string): void {
    appendFileSync(this.runningFile, `\n${line}\n`, { mode: 0o600 });
    this.lines++;
  }

  removeBefore(ms: number): Promise<void> {
    return this.ended.removeBefore(dayOf(ms));
  }
}

function isPoint(value: unknown): value is { readonly of: string; readonly point: CurvePoint } {
  const { of, point } = (value ?? {}) as { readonly of?: unknown; readonly point?: Partial<CurvePoint> };
  return typeof of === 'string' && typeof point?.epoch === 'number';
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
