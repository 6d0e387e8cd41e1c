import { BOUNDS_RECONCILED, combine, type FloatHistogram, RESET_COLLISION, trim } from '@avalanche/model';
import type { Binary, BinaryOp } from '../ast.ts';
import { ABSENT, type ColumnTable, FLOAT, HISTOGRAM, type StepColumn } from '../columns.ts';
import type { QueryRun } from '../query-run.ts';
import { boundsReconciled, incompatibleBuckets, incompatibleTypes, type Note, resetCollision } from './notes.ts';

/** A sample's value. */
export type SampleValue = number | FloatHistogram;

/**
 * The result of an operator of which at least one operand is a native histogram (or of `</` and `>/` with any); null
 * where there is none, for which the reason is noted. With `bool` a comparison gives 1 or 0, else its left side.
 */
export function combineSamples(
  op: BinaryOp,
  bool: boolean,
  left: SampleValue,
  right: SampleValue,
  note: Note,
): SampleValue | null {
  const result = compute(op, left, right, note);
  if (result === undefined) note('info', incompatibleTypes(typeName(left), op, typeName(right)));
  if (typeof result !== 'boolean') return result ?? null;
  if (bool) return result ? 1 : 0;
  return result ? left : null;
}

/** A comparison gives a boolean; undefined: the operator is not for these types. */
function compute(
  op: BinaryOp,
  left: SampleValue,
  right: SampleValue,
  note: Note,
): FloatHistogram | boolean | null | undefined {
  if (typeof left === 'number') {
    return op === '*' && typeof right !== 'number' ? right.times(left).compact() : undefined;
  }
  if (typeof right === 'number') return withFloat(op, left, right);
  switch (op) {
    case '+':
      return added(left, right, note);
    case '-':
      return subtracted(left, right, note);
    case '==':
      return left.equals(right);
    case '!=':
      return !left.equals(right);
    default:
      return undefined;
  }
}

function withFloat(op: BinaryOp, left: FloatHistogram, right: number): FloatHistogram | undefined {
  switch (op) {
    case '*':
      return left.times(right).compact();
    case '/':
      return left.dividedBy(right).compact();
    case '</':
      return trim(left, right, 'below');
    case '>/':
      return trim(left, right, 'above');
    default:
      return undefined;
  }
}

const OF_HISTOGRAMS: readonly BinaryOp[] = ['+', '-', '==', '!='];
const OF_HISTOGRAM_AND_FLOAT: readonly BinaryOp[] = ['*', '/', '</', '>/'];

/**
 * Whether an operator is for samples of these kinds (FLOAT or HISTOGRAM). To upstream those that it is not for do not
 * match each other at all.
 */
export function isFor(op: BinaryOp, left: number, right: number): boolean {
  if (left === FLOAT) return right === FLOAT ? op !== '</' && op !== '>/' : op === '*';
  return (right === FLOAT ? OF_HISTOGRAM_AND_FLOAT : OF_HISTOGRAMS).includes(op);
}

function typeName(value: SampleValue): string {
  return typeof value === 'number' ? 'float' : 'histogram';
}

function added(left: FloatHistogram, right: FloatHistogram, note: Note): FloatHistogram | null {
  return checked(combine(left, right, 1), '+', note);
}

function subtracted(left: FloatHistogram, right: FloatHistogram, note: Note): FloatHistogram | null {
  return checked(combine(left, right, -1), '-', note)?.withHint('gauge') ?? null;
}

/** Where one operand says that there was a counter reset and the other that there was none, upstream gives nothing. */
function checked(result: ReturnType<typeof combine>, op: '+' | '-', note: Note): FloatHistogram | null {
  const operation = op === '+' ? 'addition' : 'subtraction';
  if (result === null) {
    note('warn', incompatibleBuckets(op));
    return null;
  }
  if (result.outcome & RESET_COLLISION) {
    note('warn', resetCollision(operation));
    return null;
  }
  if (result.outcome & BOUNDS_RECONCILED) note('info', boundsReconciled(operation));
  return result.histogram;
}

export function noteOn(run: QueryRun, expr: Binary): Note {
  return (kind, text) => run.annotations[kind](text, expr);
}

/** Computes the result of two samples, the left one first, at a step; or leaves it absent. */
export type PutSample = (left: SampleValue, right: SampleValue, out: StepColumn, step: number) => void;

export function samplePutter({ op, bool }: Binary, note: Note): PutSample {
  return (left, right, out, step) => {
    const result = combineSamples(op, bool, left, right, note);
    if (typeof result === 'number') out.set(step, result);
    else if (result !== null) out.setHistogram(step, result);
  };
}

/** The sample of a cell that has one. */
export function sampleAt(table: ColumnTable, cell: number): SampleValue {
  return table.present[cell] === HISTOGRAM ? (table.histograms?.[cell] as FloatHistogram) : table.values[cell];
}

/** Adds to `out`, which has the results of floats, those of which an operand is a histogram. */
export function combineHistograms(
  put: PutSample,
  left: ColumnTable,
  leftRow: number,
  right: ColumnTable,
  rightRow: number,
  out: StepColumn,
): void {
  const { count } = out;
  for (let s = 0, l = leftRow * count, r = rightRow * count; s < count; s++, l++, r++) {
    if (left.present[l] === ABSENT || right.present[r] === ABSENT) continue;
    if (left.present[l] === FLOAT && right.present[r] === FLOAT) continue;
    put(sampleAt(left, l), sampleAt(right, r), out, s);
  }
}

/** The operator between a scalar and each histogram of a column (with `</` and `>/` each sample), in place. */
export function histogramsWithScalar(
  expr: Binary,
  scalar: Float64Array,
  scalarFirst: boolean,
  note: Note,
): (column: StepColumn) => void {
  const put = samplePutter(expr, note);
  const all = expr.op === '</' || expr.op === '>/';
  return (column) => {
    const { v, present, count, histograms } = column;
    column.histograms = null;
    for (let s = 0; s < count; s++) {
      if (present[s] === ABSENT || (present[s] === FLOAT && !all)) continue;
      const sample = present[s] === HISTOGRAM ? (histograms?.[s] as FloatHistogram) : v[s];
      present[s] = ABSENT;
      if (scalarFirst) put(scalar[s], sample, column, s);
      else put(sample, scalar[s], column, s);
    }
  };
}
