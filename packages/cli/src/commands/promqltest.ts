import { readFileSync } from 'node:fs';
import { type DifferenceRow, type EvalFailure, type NotRun, runTestFile, ScriptError } from '@avalanche/promql';
import { parseFlags, UsageError } from '../flags.ts';
import { describeFailure } from '../tools/failure.ts';
import { type Output, standardOutput } from '../tools/output.ts';
import type { ToolSet } from './command.ts';

const USAGE = `usage: avalanche promqltest FILE...

Runs test scripts of queries in upstream's promqltest language ("-" is the standard input), and prints each eval that
fails with what was expected and what came, the evals that were not run with the reason, and a closing count.
Exit code 1 where an eval fails or a file is no valid script, else 0.
`;

export const promqltest: ToolSet = {
  runArguments(args) {
    return runPromqltest(args, standardOutput);
  },
};

/** Runs each file over a store of its own. @returns the exit code. @throws UsageError */
async function runPromqltest(args: readonly string[], output: Output): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    output.out(USAGE);
    return 0;
  }
  const files = args.includes('-') ? args : parseFlags(args, {}).words;
  if (files.length === 0) throw new UsageError('promqltest needs at least one file, try --help');
  const total = { passed: 0, failed: 0, notRun: 0, invalid: 0 };
  for (const file of files) {
    const result = await runFile(file);
    if (typeof result === 'string') {
      output.err(`${result}\n`);
      total.invalid++;
      continue;
    }
    for (const failure of result.failed) output.out(describeEval(file, failure));
    output.out(describeNotRun(file, result.notRun));
    total.passed += result.passed;
    total.failed += result.failed.length;
    total.notRun += result.notRun.length;
  }
  const invalid = total.invalid === 0 ? '' : `, ${total.invalid} ${total.invalid === 1 ? 'file' : 'files'} invalid`;
  output.out(`${total.passed} passed, ${total.failed} failed, ${total.notRun} not run${invalid}\n`);
  return total.failed + total.invalid > 0 ? 1 : 0;
}

/** What came of a file, or why it cannot be run. */
async function runFile(file: string): Promise<Awaited<ReturnType<typeof runTestFile>> | string> {
  try {
    return await runTestFile(readFileSync(file === '-' ? 0 : file, 'utf8'));
  } catch (error) {
    if (error instanceof ScriptError) return `${file}:${error.line}: ${error.reason}`;
    const text = describeFailure(error);
    if (text === null) throw error;
    return text.includes(` ${file}: `) ? text : `${file}: ${text}`;
  }
}

/** A failed eval: where it stands, the query, and a table of what differs. */
function describeEval(file: string, { line, expr, check, reason, rows }: EvalFailure): string {
  const head = `${file}:${line}: ${expr}\n  ${check === '' ? '' : `${check}: `}${reason}\n`;
  return `${head}${table(rows)}\n`;
}

const TITLES: DifferenceRow = { series: 'series', at: 'at', expected: 'expected', got: 'got' };
/** Longer cells are not lined up with: one of them must not push all others aside. */
const WIDTH_MAX = 60;

function table(rows: readonly DifferenceRow[]): string {
  if (rows.length === 0) return '';
  const columns = (['series', 'at', 'expected', 'got'] as const).filter(
    (column) => column !== 'at' || rows.some(({ at }) => at !== ''),
  );
  const all = [TITLES, ...rows];
  const widths = columns.map((column) => Math.min(WIDTH_MAX, Math.max(...all.map((row) => row[column].length))));
  return all
    .map((row) => `    ${columns.map((column, i) => row[column].padEnd(widths[i])).join('  ')}`.trimEnd())
    .map((text) => `${text}\n`)
    .join('');
}

/** Lines named for one reason. */
const LINES_MAX = 12;

/** One line for each reason, with where the evals stand. */
function describeNotRun(file: string, notRun: readonly NotRun[]): string {
  const linesOf = new Map<string, number[]>();
  for (const { reason, line } of notRun) linesOf.set(reason, [...(linesOf.get(reason) ?? []), line]);
  return [...linesOf]
    .map(([reason, lines]) => {
      const more = lines.length > LINES_MAX ? `, … ${lines.at(-1)}` : '';
      return `${file}: ${lines.length} not run: ${reason} (line ${lines.slice(0, LINES_MAX).join(', ')}${more})\n`;
    })
    .join('');
}
