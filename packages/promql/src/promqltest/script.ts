import { compileAnchored, parseDuration } from '@avalanche/model';
import type { Expr } from '../ast.ts';
import { WHOLE_LANGUAGE } from '../dialect.ts';
import { ParseError } from '../error.ts';
import { parse } from '../parse.ts';
import { unquote } from '../quote.ts';
import { parseStartLine, type SeriesLine, seriesLine } from './series-line.ts';

/** A script of upstream's promqltest language as data (see shared/conformance/promqltest/SYNTAX.md). */
export type Statement = ClearStatement | LoadStatement | EvalStatement;

interface Located {
  /** Counted from 1. */
  readonly line: number;
}

interface ClearStatement extends Located {
  readonly kind: 'clear';
}

export interface LoadStatement extends Located {
  readonly kind: 'load';
  readonly withNhcb: boolean;
  readonly intervalMs: number;
  readonly series: readonly SeriesLine[];
}

export interface Expectation {
  readonly type: 'ordered' | 'fail' | 'warn' | 'no_warn' | 'info' | 'no_info';
  /** As written, or null where any text will do. */
  readonly text: string | null;
  accepts(text: string): boolean;
}

export interface EvalStatement extends Located {
  readonly kind: 'eval';
  readonly text: string;
  readonly expr: Expr;
  readonly time: EvalTime;
  readonly expectations: readonly Expectation[];
  readonly series: readonly SeriesLine[];
  /** The number of a body that wants a scalar. */
  readonly scalar: number | null;
  readonly string: string | null;
  /** The timestamps that the range vector of an instant query must have. */
  readonly rangeVector: RangeTime | null;
}

interface InstantTime {
  readonly kind: 'instant';
  readonly timeMs: number;
}

export interface RangeTime {
  readonly kind: 'range';
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

export type EvalTime = InstantTime | RangeTime;

/** A script that is not written as it should be. The message begins with `line N: `. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';

  constructor(
    readonly line: number,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`line ${line}: ${reason}`, options);
  }
}

const LOAD = /^load(?:_(with_nhcb))?\s+(.+?)$/;
const EVAL_INSTANT = /^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)$/;
const EVAL_RANGE = /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$/;
const EXPECT = /^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$/;
const EXPECT_RANGE = /^expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)$/;

/** Parses a whole script, its queries and series included. @throws ScriptError */
export function parseScript(text: string): Statement[] {
  const lines = new Lines(text);
  const statements: Statement[] = [];
  for (let head = lines.statement(); head !== null; head = lines.statement()) {
    const { line } = lines;
    statements.push(lines.blame(line, () => parseStatement(head, line, lines)));
  }
  return statements;
}

/** The trimmed lines of a script; a comment counts as an empty line. */
class Lines {
  private readonly lines: readonly string[];
  private next = 0;

  constructor(text: string) {
    this.lines = text.split('\n').map((line) => (line.trim().startsWith('#') ? '' : line.trim()));
  }

  /** The number of the line that was given last. */
  get line(): number {
    return this.next;
  }

  /** The next line that is not empty, or null at the end. */
  statement(): string | null {
    while (this.next < this.lines.length && this.lines[this.next] === '') this.next++;
    return this.next < this.lines.length ? this.lines[this.next++] : null;
  }

  /** The next line of a body, or null where it ends: at an empty line. */
  body(): string | null {
    return (this.lines[this.next] ?? '') === '' ? null : this.lines[this.next++];
  }

  /** What `work` throws is the fault of a line. @throws ScriptError */
  blame<T>(line: number, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof ScriptError) throw error;
      throw new ScriptError(line, (error as Error).message, { cause: error });
    }
  }
}

function parseStatement(head: string, line: number, lines: Lines): Statement {
  const word = head.split(/[\t ]+/, 1)[0].toLowerCase();
  if (word === 'clear') return { kind: 'clear', line };
  if (word.startsWith('load')) return parseLoad(head, line, lines);
  if (word.startsWith('eval')) return parseEval(head, line, lines);
  throw new Error(`invalid command ${JSON.stringify(head)}`);
}

function parseLoad(head: string, line: number, lines: Lines): LoadStatement {
  const match = LOAD.exec(head);
  if (!match) throw new Error('invalid load command. (load[_with_nhcb] <step:duration>)');
  const intervalMs = named(`step definition ${JSON.stringify(match[2])}`, () => parseDuration(match[2]));
  const series: SeriesLine[] = [];
  for (let text = lines.body(); text !== null; text = lines.body()) {
    const at = lines.line;
    const started = lines.blame(at, () => parseStartLine(text));
    const followed = started ? lines.body() : text;
    if (followed === null) throw new ScriptError(at, '@st line has no following sample line');
    series.push(lines.blame(started ? at : lines.line, () => seriesLine(lines.line, followed, started)));
  }
  return { kind: 'load', line, withNhcb: match[1] !== undefined, intervalMs, series };
}

function parseEval(head: string, line: number, lines: Lines): EvalStatement {
  const instant = EVAL_INSTANT.exec(head);
  const range = instant ? null : EVAL_RANGE.exec(head);
  if (!instant && !range) {
    const forms =
      "'eval[_fail|_warn|_ordered] instant [at <offset:duration>] <query>' or 'eval[_fail|_warn] range from <from> to <to> step <step> <query>'";
    throw new Error(`invalid evaluation command. Must be either ${forms}`);
  }
  const text = instant ? instant[3] : (range as RegExpExecArray)[5];
  const expr = parseQuery(text, line, head);
  const time: EvalTime = range
    ? rangeTime(range[2], range[3], range[4])
    : { kind: 'instant', timeMs: timestamp(instant?.[2] ?? '') };
  const modifier = (instant ?? range)?.[1] as Expectation['type'] | undefined;
  return new EvalBody(time, modifier).parse({ kind: 'eval', line, text, expr, time }, lines);
}

/** A query that does not parse is told with its place in the file. */
function parseQuery(text: string, line: number, head: string): Expr {
  try {
    return parse(text, WHOLE_LANGUAGE);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const column = head.indexOf(text) + error.offset + 1;
    throw new ScriptError(line, `parse error at column ${column}: ${error.reason}`, { cause: error });
  }
}

function named<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(`invalid ${what}: ${(error as Error).message}`, { cause: error });
  }
}

const timestamp = (text: string): number =>
  named(`timestamp definition ${JSON.stringify(text)}`, () => parseDuration(text));

function rangeTime(from: string, to: string, step: string): RangeTime {
  const startMs = named(`start timestamp definition ${JSON.stringify(from)}`, () => parseDuration(from));
  const endMs = named(`end timestamp definition ${JSON.stringify(to)}`, () => parseDuration(to));
  const stepMs = named(`step definition ${JSON.stringify(step)}`, () => parseDuration(step));
  if (endMs < startMs) {
    throw new Error(`invalid test definition, end timestamp (${to}) is before start timestamp (${from})`);
  }
  return { kind: 'range', startMs, endMs, stepMs };
}

/** The lines below an `eval`. */
class EvalBody {
  private readonly expectations: Expectation[] = [];
  private readonly series: SeriesLine[] = [];
  private scalar: number | null = null;
  private string: string | null = null;
  private rangeVector: RangeTime | null = null;
  private ended = false;

  constructor(
    private readonly time: EvalTime,
    modifier: Expectation['type'] | undefined,
  ) {
    if (modifier) this.expectations.push({ type: modifier, text: null, accepts: () => true });
  }

  parse(head: Pick<EvalStatement, 'kind' | 'line' | 'text' | 'expr' | 'time'>, lines: Lines): EvalStatement {
    for (let text = this.nextLine(lines); text !== null; text = this.nextLine(lines)) {
      const { line } = lines;
      const current = text;
      lines.blame(line, () => this.add(current, line));
    }
    const { expectations, series, scalar, string, rangeVector } = this;
    return { ...head, expectations, series, scalar, string, rangeVector };
  }

  private nextLine(lines: Lines): string | null {
    return this.ended ? null : lines.body();
  }

  private add(text: string, line: number): void {
    const old = this.expectations[0]?.type === 'fail' && /^expected_fail_(message|regexp)(.*)$/.exec(text);
    if (old) {
      this.expectations[0] = expectation('fail', old[1] === 'message' ? 'msg' : 'regex', old[2]);
      this.ended = true;
    } else if (text.startsWith('expect range vector')) this.expectRange(text);
    else if (text.startsWith('expect string')) this.string = stringLiteral(text.slice('expect string'.length));
    else if (/^expect(\s|$)/.test(text)) this.expect(text);
    else this.result(text, line);
  }

  private expectRange(text: string): void {
    const match = EXPECT_RANGE.exec(text);
    if (!match) throw new Error(`invalid range vector definition ${JSON.stringify(text)}`);
    if (this.time.kind === 'range') throw new Error('a range vector can only be expected of an instant query');
    this.rangeVector = rangeTime(match[1], match[2], match[3]);
  }

  private expect(text: string): void {
    const match = EXPECT.exec(text);
    if (!match) {
      throw new Error('invalid expect statement, must match `expect <type> <match_type>: <string>` format');
    }
    this.expectations.push(expectation(match[1] as Expectation['type'], match[2] as 'msg' | 'regex', match[3]));
    const has = (type: Expectation['type']) => this.expectations.some((other) => other.type === type);
    for (const kind of ['info', 'warn'] as const) {
      if (has(kind) && has(`no_${kind}`)) {
        throw new Error(`invalid expect lines, ${kind} and no_${kind} cannot be used together`);
      }
    }
    if (this.expectations.filter(({ type }) => type === 'fail').length > 1) {
      throw new Error('invalid expect lines, multiple expect fail lines are not allowed');
    }
  }

  /** A line of the expected result: a number alone, which ends the body, or a series. */
  private result(text: string, line: number): void {
    const number = numberAlone(text);
    if (number !== null) {
      this.scalar = number;
      this.ended = true;
      return;
    }
    const series = seriesLine(line, text, null);
    const count = series.values.length;
    if (this.time.kind === 'instant' && !this.rangeVector && count > 1) {
      throw new Error(
        "expecting multiple values in instant evaluation not allowed. consider using 'expect range vector' directive to enable a range vector result for an instant query",
      );
    }
    const time = this.rangeVector ?? this.time;
    if (count === 0) throw new Error('a series is expected to have a value');
    if (time.kind === 'range' && time.startMs + (count - 1) * time.stepMs > time.endMs) {
      throw new Error(
        `expected ${count} points for ${series.labels}, but query time range cannot return this many points`,
      );
    }
    this.series.push(series);
  }
}

function expectation(type: Expectation['type'], kind: 'msg' | 'regex' | undefined, given = ''): Expectation {
  const text = given.trim();
  if (kind === undefined) return { type, text: null, accepts: () => true };
  if (kind === 'msg') return { type, text, accepts: (got) => got === text };
  try {
    const pattern = compileAnchored(`(?s:.*)(?-s:${text})(?s:.*)`);
    return { type, text, accepts: (got) => pattern.accepts(got) };
  } catch (error) {
    throw new Error(`invalid regex ${text} for ${type}`, { cause: error });
  }
}

function stringLiteral(rest: string): string {
  try {
    return unquote(rest.trim());
  } catch (error) {
    throw new Error('expected string literal not valid - check that the string is correctly quoted', { cause: error });
  }
}

/** What Go's ParseInt (base 0) or ParseFloat takes; null for anything else. */
function numberAlone(text: string): number | null {
  const [, sign, digits] = /^([+-]?)(.*)$/.exec(text.toLowerCase()) as RegExpExecArray;
  const size = unsignedNumber(digits);
  return size !== null && sign === '-' ? -size : size;
}

function unsignedNumber(digits: string): number | null {
  if (/^inf(inity)?$/.test(digits)) return Number.POSITIVE_INFINITY;
  if (digits === 'nan') return Number.NaN;
  if (/^0[0-7]+$/.test(digits)) return Number.parseInt(digits, 8);
  const known = /^(?:0x[\da-f]+|0o[0-7]+|0b[01]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/.test(digits);
  return known ? Number(digits) : null;
}
