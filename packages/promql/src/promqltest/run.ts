import { WHOLE_LANGUAGE } from '../dialect.ts';
import { Engine } from '../engine.ts';
import { MemoryQueryable } from '../memory-queryable.ts';
import { print } from '../printer.ts';
import type { InstantResult, RangeResult } from '../result.ts';
import { checkAnnotations } from './annotations.ts';
import { compareInstant, compareRange, type Difference, isOrdered } from './compare.ts';
import { load } from './load.ts';
import { type EvalStatement, type LoadStatement, parseScript, type RangeTime } from './script.ts';
import { dependsOnQuery, fixedAt } from './variants.ts';

export interface EvalFailure extends Difference {
  readonly line: number;
  readonly expr: string;
  /** Which of the checks beyond the text failed (SYNTAX.md section 7); '' for the text itself. */
  readonly check: string;
}

export interface NotRun {
  readonly line: number;
  readonly expr: string;
  /** What it needed and did not get. */
  readonly reason: string;
}

export interface FileResult {
  readonly passed: number;
  readonly failed: readonly EvalFailure[];
  readonly notRun: readonly NotRun[];
}

/** The engine that upstream's files expect (SYNTAX.md section 8). */
const ENGINE_OPTIONS = {
  lookbackMs: 300_000,
  timeoutMs: 100_000,
  maxSamples: 10_000,
  defaultSubqueryStepMs: 60_000,
  ...WHOLE_LANGUAGE,
  delayedNameRemoval: true,
  startTimestamps: true,
};

/** Runs a promqltest script over an empty store. @throws ScriptError where it is invalid, before anything runs */
export async function runTestFile(text: string): Promise<FileResult> {
  const runner = new Runner();
  for (const statement of parseScript(text)) {
    if (statement.kind === 'clear') runner.clear();
    else if (statement.kind === 'load') runner.load(statement);
    else await runner.eval(statement);
  }
  return runner;
}

/** One way to evaluate a statement. */
interface Variant {
  readonly text: string;
  readonly timeMs: number;
  readonly check: string;
}

class Runner implements FileResult {
  passed = 0;
  readonly failed: EvalFailure[] = [];
  readonly notRun: NotRun[] = [];
  private readonly store = new MemoryQueryable();
  private readonly engine = new Engine(ENGINE_OPTIONS);

  /** The line of a `load` that failed: what follows, up to the next `clear`, would fail for that reason alone. */
  private failedLoad: number | null = null;

  clear(): void {
    this.store.clear();
    this.failedLoad = null;
  }

  load(statement: LoadStatement): void {
    const { line, withNhcb } = statement;
    try {
      load(this.store, statement);
    } catch (error) {
      const expr = withNhcb ? 'load_with_nhcb' : 'load';
      this.failed.push({ line, expr, check: '', reason: (error as Error).message, rows: [] });
      this.failedLoad = line;
    }
  }

  async eval(statement: EvalStatement): Promise<void> {
    const { line, text: expr } = statement;
    if (this.failedLoad !== null) {
      this.notRun.push({ line, expr, reason: `the load at line ${this.failedLoad} failed` });
      return;
    }
    const failure = await this.check(statement);
    if (failure === null) this.passed++;
    else this.failed.push({ line, expr, ...failure });
  }

  private async check(statement: EvalStatement): Promise<Omit<EvalFailure, 'line' | 'expr'> | null> {
    const { time, text } = statement;
    if (time.kind === 'range') {
      const difference = await this.attempt(statement, () => this.checkRange(statement, time));
      return difference && { ...difference, check: '' };
    }
    // Upstream's runner evaluates what is expected to be a range vector at the end of that range.
    const timeMs = statement.rangeVector?.endMs ?? time.timeMs;
    for (const variant of [{ text, timeMs, check: '' }, ...fixedVariants(statement, timeMs)]) {
      const difference = await this.attempt(statement, () => this.checkInstant(statement, variant));
      if (difference) return { ...difference, check: variant.check };
      const asRange = await this.checkAsRange(statement, variant);
      if (asRange) return { ...asRange, check: [variant.check, 'as a range query'].filter(Boolean).join(', ') };
    }
    return null;
  }

  /** Runs a check that fails, or must fail, by an error. */
  private async attempt(statement: EvalStatement, check: () => Promise<Difference | null>): Promise<Difference | null> {
    const fail = statement.expectations.find(({ type }) => type === 'fail');
    try {
      const difference = await check();
      return fail ? { reason: 'expected an error, got none', rows: [] } : difference;
    } catch (error) {
      const { message } = error as Error;
      if (!fail) return { reason: message, rows: [] };
      if (fail.accepts(message)) return null;
      const rows = [{ series: 'error', at: '', expected: fail.text ?? '', got: message }];
      return { reason: 'another error', rows };
    }
  }

  private async checkRange(statement: EvalStatement, time: RangeTime): Promise<Difference | null> {
    const result = await this.engine.range(this.store, statement.text, time);
    return compareRange(statement, result) ?? checkAnnotations(statement.expectations, result);
  }

  private async checkInstant(statement: EvalStatement, { text, timeMs }: Variant): Promise<Difference | null> {
    const result = await this.engine.instant(this.store, text, timeMs);
    return compareInstant(statement, result) ?? checkAnnotations(statement.expectations, result);
  }

  /** SYNTAX.md 7.1: the middle step of a range query must be the instant result. */
  private async checkAsRange(statement: EvalStatement, { text, timeMs }: Variant): Promise<Difference | null> {
    const { string, rangeVector, expectations } = statement;
    const excluded = string !== null || rangeVector || expectations.some(({ type }) => type === 'fail');
    if (excluded || isOrdered(statement) || dependsOnQuery(text)) return null;
    const window = { startMs: timeMs - 60_000, endMs: timeMs + 60_000, stepMs: 60_000 };
    try {
      const ranged = await this.engine.range(this.store, text, window);
      return compareInstant(statement, middleOf(ranged, timeMs, statement.scalar !== null));
    } catch (error) {
      return { reason: (error as Error).message, rows: [] };
    }
  }
}

/** SYNTAX.md 7.2: with `@` the time of evaluation does not matter. */
function fixedVariants({ text, expr }: EvalStatement, timeMs: number): Variant[] {
  const fixed = fixedAt(text, expr, timeMs);
  if (!fixed) return [];
  const pinned = print(fixed);
  const times = timeMs === 0 ? [-1000, 0, 1000] : [-10 * timeMs, 0, timeMs / 5, timeMs, 10 * timeMs];
  return times.map((at) => ({ text: pinned, timeMs: Math.trunc(at), check: `as ${pinned} at ${at / 1000} s` }));
}

function middleOf({ series, ...rest }: RangeResult, timeMs: number, scalar: boolean): InstantResult {
  const samples = series.flatMap(({ labels, t, v, length, histograms }) => {
    const at = t.subarray(0, length).indexOf(timeMs);
    return at < 0 ? [] : [{ labels, value: v[at], histogram: histograms?.[at] ?? null }];
  });
  if (!scalar) return { ...rest, type: 'vector', timeMs, samples };
  return { ...rest, type: 'scalar', timeMs, value: samples[0]?.value ?? Number.NaN };
}
