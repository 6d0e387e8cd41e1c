import {
  appendFileSync,
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { nextTurn, turnIsOver } from '@avalanche/model';
import { DayFiles, dayOf, makeDirectory } from '@avalanche/web';
import { readIfThere } from '../read-if-there.ts';
import { syncData } from '../replace-file.ts';
import { LaterSync } from './later-sync.ts';
import { addPoint, type CurvePoint, isRun, parse, type RunRecord, stringify } from './run-record.ts';

/** The file of running runs is written anew when it has become twice as long as it was, and by so many lines at least. */
const LINES_MAX = 1_000;
/** Written at once, in characters. */
const PIECE_CHARACTERS = 256 * 1024;

/**
 * Where runs are kept: `running.jsonl` has a line for each change of a run under way, the last of a run counts, one for
 * each point of its curve, and one for its end; ended ones stand in a file for each day (`2026-11-23.jsonl`). A report is
 * in a file before it is answered; an ended run is on the disk a moment later.
 */
export class RunFiles {
  private readonly ended: DayFiles;
  private readonly runningFile: string;
  /** Written since the file of running runs was written anew, and how many are enough to do it again. */
  private lines = 0;
  private linesEnough = LINES_MAX;
  /** What is appended while that file is written anew, and has to stand in the new one as well. */
  private meanwhile: string[] | undefined;

  private readonly sync: LaterSync;

  /**
   * @param unsynced is told where what was taken is in the file, and may not be on the disk
   * @throws the system's error where the folder cannot be made
   */
  constructor(
    private readonly directory: string,
    unsynced: (file: string, error: unknown) => void,
  ) {
    this.sync = new LaterSync(unsynced);
    makeDirectory(directory);
    this.ended = new DayFiles(directory);
    this.runningFile = join(directory, 'running.jsonl');
  }

  /** Runs that were under way when the process ended; some of them may have ended. */
  readRunning(): Map<string, RunRecord> {
    const runs = new Map<string, RunRecord>();
    for (const line of (readIfThere(this.runningFile) ?? '').split('\n')) {
      const value = parse(line);
      if (isRun(value)) {
        const { curve } = runs.get(value.run_id) ?? {};
        runs.set(value.run_id, curve ? { ...value, curve } : value);
      } else if (isPoint(value)) {
        const run = runs.get(value.of);
        const { loss, accuracy } = value.point;
        const measures = { ...(loss === undefined ? {} : { loss }), ...(accuracy === undefined ? {} : { accuracy }) };
        if (run) runs.set(value.of, addPoint({ ...run, ...measures, reported_at: value.at }, value.point));
      } else if (isEnd(value)) runs.delete(value.ended);
    }
    return runs;
  }

  /** Whether so much has been written of running runs that `rewriteRunning` is worth it, and not under way. */
  get isLong(): boolean {
    return !this.meanwhile && this.lines > this.linesEnough;
  }

  /**
   * What is told of a run for the first time is soon on the disk: reports that come later may not say what it is.
   * @throws the system's error, after which nothing of it is in the file
   */
  writeBegun(run: RunRecord, points: readonly CurvePoint[] = []): void {
    this.writeRunning(run, points);
    this.sync.add(this.runningFile);
  }

  /** @throws the system's error, after which nothing of it is in the file */
  writeRunning(run: RunRecord, points: readonly CurvePoint[] = []): void {
    this.append([stringify({ ...run, curve: undefined }), ...points.map((point) => pointLine(run, point))]);
  }

  /** @throws the system's error, after which nothing of it is in the file */
  writePoint(run: RunRecord, point: CurvePoint): void {
    this.append([pointLine(run, point)]);
  }

  /** What is not in the file of running runs any more. @throws the system's error */
  writeEnd(runId: string): void {
    this.append([stringify({ ended: runId })]);
  }

  /**
   * Lets other work go on. @throws the system's error, after which the old file is still there, and `isLong` is false
   * until it has twice as many lines: a disk that is full is not asked again at each report
   */
  async rewriteRunning(runs: readonly RunRecord[]): Promise<void> {
    if (this.meanwhile) return;
    const file = `${this.runningFile}.tmp`;
    const meanwhile: string[] = [];
    this.meanwhile = meanwhile;
    try {
      writeFileSync(file, '', { mode: 0o600 });
      let lines = 0;
      let piece = '';
      for (const { curve = [], ...run } of runs) {
        piece += `${stringify(run)}\n`;
        for (const point of curve) piece += `${pointLine(run, point)}\n`;
        lines += 1 + curve.length;
        if (piece.length > PIECE_CHARACTERS) {
          appendFileSync(file, piece);
          piece = '';
        }
        if (turnIsOver()) await nextTurn();
      }
      appendFileSync(file, piece);
      // on the disk before it has the name, else a loss of power could leave an empty file by it
      await syncData(file);
      appendFileSync(file, meanwhile.join(''));
      renameSync(file, this.runningFile);
      this.sync.add(this.runningFile);
      this.lines = meanwhile.length;
      this.linesEnough = Math.max(LINES_MAX, lines);
    } catch (error) {
      this.linesEnough = Math.max(LINES_MAX, 2 * this.lines);
      removeQuietly(file);
      throw error;
    } finally {
      this.meanwhile = undefined;
    }
  }

  /** @throws the system's error, after which nothing of it is in the file */
  writeEnded(run: RunRecord): void {
    const file = join(this.directory, `${dayOf(run.ended_at ?? run.reported_at)}.jsonl`);
    appendWhole(file, `\n${stringify(run)}\n`);
    this.sync.add(file);
  }

  /** Resolves when the runs that have begun or ended are on the disk, as far as it takes them. */
  synced(): Promise<void> {
    return this.sync.done();
  }

  /** Ended runs, those written last first. */
  async *newestFirst(): AsyncGenerator<RunRecord> {
    for await (const line of this.ended.linesNewestFirst()) {
      const value = parse(line);
      if (isRun(value)) yield value;
    }
  }

  /** Removes ended runs of days older than the retention. Times in milliseconds. */
  removeExpired(now: number, retentionMs: number): Promise<void> {
    return this.ended.removeExpired(now, retentionMs);
  }

  /** Begins on a line of its own, as a crash may have torn the line before. */
  private append(lines: readonly string[]): void {
    const text = `\n${lines.join('\n')}\n`;
    appendWhole(this.runningFile, text);
    this.meanwhile?.push(text);
    this.lines += lines.length;
  }
}

/** A disk that is full takes part of a text: that part goes again. @throws the system's error */
function appendWhole(file: string, text: string): void {
  const descriptor = openSync(file, 'a', 0o600);
  try {
    const { size } = fstatSync(descriptor);
    try {
      appendFileSync(descriptor, text);
    } catch (error) {
      if (size === 0) rmSync(file, { force: true });
      else ftruncateSync(descriptor, size);
      throw error;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** What cannot be removed is written over the next time. */
function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {}
}

function pointLine({ run_id: of, reported_at: at }: RunRecord, point: CurvePoint): string {
  return stringify({ of, at, point });
}

interface PointLine {
  readonly of: string;
  readonly at: number;
  readonly point: CurvePoint;
}

function isPoint(value: unknown): value is PointLine {
  const { of, at, point } = (value ?? {}) as Partial<PointLine>;
  return typeof of === 'string' && typeof at === 'number' && typeof point?.epoch === 'number';
}

function isEnd(value: unknown): value is { readonly ended: string } {
  return typeof (value as { readonly ended?: unknown } | null)?.ended === 'string';
}
