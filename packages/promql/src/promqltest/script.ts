import { parseDuration } from '@avalanche/model';
import { unquote } from '../quote.ts';

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
  /** Series lines, unparsed: one that is not supported must not stop the others. */
  readonly series: readonly string[];
}

export interface Expectation {
  readonly type: 'ordered' | 'fail' | 'warn' | 'no_warn' | 'info' | 'no_info';
  readonly match: { readonly kind: 'msg' | 'regex'; readonly text: string } | null;
}

export interface EvalStatement extends Located {
  readonly kind: 'eval';
  readonly expr: string;
  readonly time: EvalTime;
  readonly expectations: readonly Expectation[];
  /** Series lines and lone numbers, unparsed. */
  readonly results: readonly string[];
  readonly expectString: string | null;
  readonly expectRange: RangeTime | null;
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

type EvalTime = InstantTime | RangeTime;

const LOAD = /^load(?:_(with_nhcb))?\s+(.+?)$/i;
const EVAL_INSTANT = /^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)$/;
const EVAL_RANGE = /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$/;
const EXPECT = /^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$/;
const EXPECT_RANGE = /^expect\s+range\s+vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)$/;

/** Parses a whole script. @throws Error with the line number */
export function parseScript(text: string): Statement[] {
  const lines = text.split('\n').map((line) => (line.trim().startsWith('#') ? '' : line.trim()));
  const statements: Statement[] = [];
  for (let i = 0; i < lines.length; ) {
    if (lines[i] === '') {
      i++;
      continue;
    }
    const line = i + 1;
    const body: string[] = [];
    const head = lines[i++];
    const hasBody = head.toLowerCase() !== 'clear';
    while (hasBody && i < lines.length && lines[i] !== '') body.push(lines[i++]);
    try {
      statements.push(parseStatement(head, body, line));
    } catch (error) {
      throw new Error(`line ${line}: ${(error as Error).message}`);
    }
  }
  return statements;
}

function parseStatement(head: string, body: readonly string[], line: number): Statement {
  const word = head.split(/\s/)[0].toLowerCase();
  if (word === 'clear') return { kind: 'clear', line };
  if (word.startsWith('load')) return parseLoad(head, body, line);
  if (word.startsWith('eval')) return parseEval(head, body, line);
  throw new Error(`invalid command ${JSON.stringify(head)}`);
}

function parseLoad(head: string, body: readonly string[], line: number): LoadStatement {
  const match = LOAD.exec(head);
  if (!match) throw new Error('invalid load command. (load[_with_nhcb] <step:duration>)');
  return { kind: 'load', line, withNhcb: match[1] !== undefined, intervalMs: parseDuration(match[2]), series: body };
}

function parseEval(head: string, body: readonly string[], line: number): EvalStatement {
  const range = EVAL_RANGE.exec(head);
  const instant = range ? null : EVAL_INSTANT.exec(head);
  if (!range && !instant) throw new Error(`invalid eval command ${JSON.stringify(head)}`);
  const time: EvalTime = range
    ? rangeTime(range[2], range[3], range[4])
    : { kind: 'instant', timeMs: parseDuration(instant?.[2] ?? '0') };
  const expr = (range ? range[5] : instant?.[3]) as string;
  const modifier = (range ?? instant)?.[1] as Expectation['type'] | undefined;
  const expectations: Expectation[] = modifier ? [{ type: modifier, match: null }] : [];
  return { kind: 'eval', line, expr, time, ...parseBody(body, expectations) };
}

function rangeTime(from: string, to: string, step: string): RangeTime {
  return { kind: 'range', startMs: parseDuration(from), endMs: parseDuration(to), stepMs: parseDuration(step) };
}

type Body = Pick<EvalStatement, 'expectations' | 'results' | 'expectString' | 'expectRange'>;

function parseBody(body: readonly string[], expectations: Expectation[]): Body {
  const results: string[] = [];
  let expectString: string | null = null;
  let expectRange: RangeTime | null = null;
  for (const line of body) {
    const old = /^expected_fail_(message|regexp)\s+(.+)$/.exec(line);
    const range = EXPECT_RANGE.exec(line);
    const plain = EXPECT.exec(line);
    if (old) {
      expectations[0] = { type: 'fail', match: { kind: old[1] === 'message' ? 'msg' : 'regex', text: old[2] } };
    } else if (range) expectRange = rangeTime(range[1], range[2], range[3]);
    else if (/^expect\s+string\s/.test(line)) expectString = unquote(line.replace(/^expect\s+string\s+/, ''));
    else if (plain) {
      const match = plain[2] ? { kind: plain[2] as 'msg' | 'regex', text: plain[3].trim() } : null;
      expectations.push({ type: plain[1] as Expectation['type'], match });
    } else if (/^expect\s/.test(line)) throw new Error(`invalid expect statement ${JSON.stringify(line)}`);
    else results.push(line);
  }
  return { expectations, results, expectString, expectRange };
}
