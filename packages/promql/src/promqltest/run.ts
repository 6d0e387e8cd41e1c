import { compileAnchored, type Labels } from '@avalanche/model';
import { Engine } from '../engine.ts';
import { MemoryQueryable } from '../memory-queryable.ts';
import { format } from '../printer.ts';
import type { InstantResult, RangeResult } from '../result.ts';
import { NativeHistogramError, parseSeriesText } from '../series-text.ts';
import { compareInstant, compareRange, scalarOf } from './compare.ts';
import { type EvalStatement, type Expectation, type LoadStatement, parseScript, type RangeTime } from './script.ts';
import { comparableAsRange, fixedAt } from './variants.ts';

export interface EvalFailure {
  readonly line: number;
  readonly expr: string;
  /** What differed, and in which of the checks. */
  readonly reason: string;
}

export interface FileResult {
  readonly passed: number;
  readonly failed: readonly EvalFailure[];
  /** Evals that need what is not built yet; the reason says what. */
  readonly notRun: readonly EvalFailure[];
}

/** The engine that upstream's files expect (SYNTAX.md section 8). */
const ENGINE_OPTIONS = {
  lookbackMs: 300_000,
  timeoutMs: 100_000,
  maxSamples: 10_000,
  defaultSubqueryStepMs: 60_000,
  experimental: true,
  delayedNameRemoval: true,
  typeAndUnitLabels: true,
};

/** Runs a promqltest script over an empty store. @throws Error where the script itself is invalid */
export async function runTestFile(text: string): Promise<FileResult> {
  const runner = new Runner();
  for (const statement of parseScript(text)) {
    if (statement.kind === 'clear') runner.clear();
    else if (statement.kind === 'load') runner.load(statement);
    else await runner.eval(statement);
  }
  return runner;
}

/** `<series>@st <items>`: start timestamps, which the storage seam does not carry yet. */
const START_TIMESTAMPS = /(?:^[\w:]+|\})@st\s/;

/** What the engine says of a part of the language that is still to come. */
const UNSUPPORTED = /not supported yet|unknown function with name "info"/;

class Runner implements FileResult {
  passed = 0;
  readonly failed: EvalFailure[] = [];
  readonly notRun: EvalFailure[] = [];
  private readonly store = new MemoryQueryable();
  private readonly engine = new Engine(ENGINE_OPTIONS);
  /** Metrics of which a part could not be loaded, being native histograms. */
  private readonly incomplete = new Set<string>();

  clear(): void {
    this.store.clear();
    this.incomplete.clear();
  }

  load({ series, intervalMs, withNhcb }: LoadStatement): void {
    const lines = new Map<string, ReturnType<typeof parseSeriesText>>();
    for (const line of series) {
      if (START_TIMESTAMPS.test(line)) {
        this.incomplete.add(metricNameOf(line));
        continue;
      }
      try {
        const parsed = parseSeriesText(line);
        lines.set(parsed.labels.key, parsed);
        if (withNhcb) this.incomplete.add(parsed.labels.metricName.replace(/_(bucket|sum|count)$/, ''));
      } catch (error) {
        if (!(error instanceof NativeHistogramError)) throw error;
        this.incomplete.add(metricNameOf(line));
      }
    }
    for (const { labels, values } of lines.values()) this.append(labels, values, intervalMs);
  }

  private append(labels: Labels, values: ReturnType<typeof parseSeriesText>['values'], intervalMs: number): void {
    values.forEach((value, i) => {
      if (value !== undefined) this.store.append(labels, i * intervalMs, value);
    });
  }

  async eval(statement: EvalStatement): Promise<void> {
    const { line, expr } = statement;
    const reason = await this.check(statement);
    if (reason === null) this.passed++;
    else if (UNSUPPORTED.test(reason)) this.notRun.push({ line, expr, reason });
    else if (this.needsHistograms(statement)) this.notRun.push({ line, expr, reason: 'needs native histograms' });
    else this.failed.push({ line, expr, reason });
  }

  /** Whether a failing eval names a metric that is, at least in part, native histograms. */
  private needsHistograms({ expr, results }: EvalStatement): boolean {
    if (results.some((result) => result.includes('{{'))) return true;
    if (this.incomplete.size > 0 && /\{\s*[^}]*\}/.test(expr.replace(/[a-zA-Z_:][\w:]*\{/g, ''))) return true;
    return [...this.incomplete].some((name) => name !== '' && new RegExp(`(?<![\\w:])${name}(?![\\w:])`).test(expr));
  }

  private async check(statement: EvalStatement): Promise<string | null> {
    const fail = statement.expectations.find(({ type }) => type === 'fail');
    try {
      if (fail) return await this.checkFailure(statement, fail);
      if (statement.time.kind === 'range') return await this.checkRange(statement, statement.time);
      return await this.checkInstant(statement, statement.time.timeMs);
    } catch (error) {
      return `failed: ${(error as Error).message}`;
    }
  }

  private async checkFailure({ expr, time }: EvalStatement, expectation: Expectation): Promise<string | null> {
    this.engine.parse(expr);
    try {
      if (time.kind === 'range') await this.engine.range(this.store, expr, time);
      else await this.engine.instant(this.store, expr, time.timeMs);
    } catch (error) {
      const { message } = error as Error;
      return textMatches(expectation, message) ? null : `failed otherwise than expected: ${message}`;
    }
    return 'expected an error';
  }

  private async checkRange(statement: EvalStatement, time: RangeTime): Promise<string | null> {
    const result = await this.engine.range(this.store, statement.expr, time);
    return compareRange(statement, result) ?? checkAnnotations(statement, result);
  }

  private async checkInstant(statement: EvalStatement, timeMs: number): Promise<string | null> {
    const result = await this.engine.instant(this.store, statement.expr, timeMs);
    const difference = compareInstant(statement, result) ?? checkAnnotations(statement, result);
    if (difference || statement.expectString !== null || statement.expectRange) return difference;
    return (await this.checkAsRange(statement, statement.expr, timeMs)) ?? (await this.checkFixed(statement, timeMs));
  }

  /** SYNTAX.md 7.1: the middle step of a range query must be the instant result. */
  private async checkAsRange(statement: EvalStatement, expr: string, timeMs: number): Promise<string | null> {
    const ordered = statement.expectations.some(({ type }) => type === 'ordered');
    if (ordered || !comparableAsRange(expr, this.engine.parse(expr))) return null;
    const window = { startMs: timeMs - 60_000, endMs: timeMs + 60_000, stepMs: 60_000 };
    const ranged = await this.engine.range(this.store, expr, window);
    const { warnings, infos, stats } = ranged;
    const samples = ranged.series.flatMap(({ labels, t, v, length }) => {
      const at = t.subarray(0, length).indexOf(timeMs);
      return at < 0 ? [] : [{ labels, value: v[at] }];
    });
    const rest = { timeMs, warnings, infos, stats };
    const asInstant: InstantResult =
      scalarOf(statement.results) === null
        ? { type: 'vector', samples, ...rest }
        : { type: 'scalar', value: samples[0]?.value ?? Number.NaN, ...rest };
    const difference = compareInstant(statement, asInstant);
    return difference && `as a range query: ${difference}`;
  }

  /** SYNTAX.md 7.2: with `@` the time of evaluation does not matter. */
  private async checkFixed(statement: EvalStatement, timeMs: number): Promise<string | null> {
    const fixed = fixedAt(statement.expr, this.engine.parse(statement.expr), timeMs);
    if (!fixed) return null;
    const expr = format(fixed);
    const times = timeMs === 0 ? [-1000, 0, 1000] : [-10 * timeMs, 0, timeMs / 5, timeMs, 10 * timeMs];
    for (const at of times) {
      const result = await this.engine.instant(this.store, expr, Math.trunc(at));
      const difference =
        compareInstant(statement, result) ?? (await this.checkAsRange(statement, expr, Math.trunc(at)));
      if (difference) return `as ${expr} at ${at} ms: ${difference}`;
    }
    return null;
  }
}

function metricNameOf(line: string): string {
  const quoted = /^\{\s*"([^"]+)"/.exec(line);
  return quoted?.[1] ?? /^[a-zA-Z_:][\w:]*/.exec(line)?.[0] ?? '';
}

function checkAnnotations(statement: EvalStatement, { warnings, infos }: InstantResult | RangeResult): string | null {
  return (
    checkKind(statement.expectations, 'warn', 'no_warn', warnings) ??
    checkKind(statement.expectations, 'info', 'no_info', infos)
  );
}

function checkKind(
  expectations: readonly Expectation[],
  wanted: Expectation['type'],
  unwanted: Expectation['type'],
  got: readonly string[],
): string | null {
  if (expectations.some(({ type }) => type === unwanted) && got.length > 0) return `unexpected annotation: ${got[0]}`;
  const lines = expectations.filter(({ type }) => type === wanted);
  if (lines.length === 0) return null;
  if (got.length === 0) return `expected an annotation (${wanted}), got none`;
  const unmet = lines.find((line) => !got.some((text) => textMatches(line, text)));
  if (unmet) return `no annotation matches ${unmet.match?.text}: ${got.join('; ')}`;
  const extra = got.find((text) => !lines.some((line) => textMatches(line, text)));
  return extra ? `unexpected annotation: ${extra}` : null;
}

function textMatches({ match }: Expectation, text: string): boolean {
  if (!match) return true;
  return match.kind === 'msg' ? match.text === text : compileAnchored(`.*(?:${match.text}).*`).accepts(text);
}
