import type { DurationExpr, DurationOp } from './ast.ts';
import type { Token, TokenReader } from './token-reader.ts';

/** Seconds beyond which a duration would not fit into 64 bits of nanoseconds. */
const SECONDS_MAX = 2 ** 63 / 1e9;

const POWER = 3;
const PRECEDENCE: Readonly<Record<string, number>> = { '+': 1, '-': 1, '*': 2, '/': 2, '%': 2, '^': POWER };
const ANYTHING = 'number, duration, step(), or range()';

export interface Brackets {
  readonly range: DurationExpr;
  /** Of a subquery: its step, or null where it names none. */
  readonly step: DurationExpr | null;
  readonly subquery: boolean;
}

/** Reads `5m]` or `5m:1m]`, what follows a left bracket. */
export function readBrackets(reader: TokenReader): Brackets {
  const range = reader.within(` in subquery or range selector, expected ${ANYTHING}`, () => positive(reader));
  if (reader.accept(']')) return { range, step: null, subquery: false };
  if (!reader.accept(':')) reader.unexpected(' in subquery or range, expected ":" or "]"');
  if (reader.accept(']')) return { range, step: null, subquery: true };
  const place = ' in subquery selector, expected number, duration, step(), range(), or "]"';
  const step = reader.within(place, () => positive(reader));
  if (!reader.accept(']')) reader.unexpected(' in subquery selector, expected "]"');
  return { range, step, subquery: true };
}

function positive(reader: TokenReader): DurationExpr {
  const expr = readDuration(reader);
  if (expr.kind === 'literal' && expr.seconds <= 0) reader.fail(expr.from, 'duration must be greater than 0');
  return expr;
}

/**
 * Reads what follows `offset`. A plain duration with or without a sign ends there, so that `a offset 5m + 1` is a sum;
 * only one that begins with a parenthesis or with two signs goes on, as upstream's grammar has it.
 */
export function readOffset(reader: TokenReader): DurationExpr {
  return reader.within(` in offset, expected ${ANYTHING}`, () => {
    const kind = reader.peek();
    if (kind === '(') return readDuration(reader);
    if (kind !== '+' && kind !== '-') return primary(reader);
    const sign = reader.take();
    switch (reader.peek()) {
      case '+':
      case '-':
        return rest(
          reader,
          signed(
            reader,
            sign,
            reader.nested(() => readDuration(reader, POWER)),
          ),
          0,
        );
      case 'number':
      case 'duration':
      case '(':
        return signed(reader, sign, primary(reader));
      default:
        return unary(sign, primary(reader));
    }
  });
}

/** Everything from here on that binds at least as tightly as `floor`. */
function readDuration(reader: TokenReader, floor = 0): DurationExpr {
  const kind = reader.peek();
  if (kind !== '+' && kind !== '-') return rest(reader, primary(reader), floor);
  const sign = reader.take();
  const operand = reader.nested(() => readDuration(reader, POWER));
  return rest(reader, signed(reader, sign, operand), floor);
}

function rest(reader: TokenReader, first: DurationExpr, floor: number): DurationExpr {
  let lhs = first;
  for (;;) {
    const precedence = PRECEDENCE[reader.peek()];
    if (precedence === undefined || precedence < floor) return lhs;
    const token = reader.take();
    const op = token.kind as DurationOp;
    const rhs = reader.nested(() => readDuration(reader, op === '^' ? POWER : precedence + 1));
    if ((op === '/' || op === '%') && rhs.kind === 'literal' && rhs.seconds === 0) {
      reader.fail(token.from, op === '/' ? 'division by zero' : 'modulo by zero');
    }
    lhs = { kind: 'binary', op, lhs, rhs, from: lhs.from, to: rhs.to };
  }
}

/** A sign becomes part of a literal; a plus is dropped before anything else. */
function signed(reader: TokenReader, sign: Token, operand: DurationExpr): DurationExpr {
  if (operand.kind === 'literal') {
    const seconds = sign.kind === '-' ? -operand.seconds : operand.seconds;
    return { ...operand, seconds: inRange(reader, seconds, sign.from), from: sign.from };
  }
  return sign.kind === '-' ? unary(sign, operand) : operand;
}

function unary({ kind, from }: Token, expr: DurationExpr): DurationExpr {
  return { kind: 'unary', op: kind as '+' | '-', expr, from, to: expr.to };
}

function inRange(reader: TokenReader, seconds: number, from: number): number {
  if (Math.abs(seconds) > SECONDS_MAX) reader.fail(from, 'duration out of range');
  return seconds;
}

function primary(reader: TokenReader): DurationExpr {
  switch (reader.peek()) {
    case 'number':
    case 'duration': {
      const token = reader.take();
      const { kind, from, to } = token;
      const seconds = inRange(reader, reader.number(token), from);
      return { kind: 'literal', seconds, duration: kind === 'duration', from, to };
    }
    case 'step':
    case 'range': {
      const { kind, from } = reader.take();
      reader.expect('(');
      return { kind: kind as 'step' | 'range', from, to: reader.expect(')').to };
    }
    case 'min_of':
    case 'max_of':
      return extreme(reader);
    case '(':
      return parenthesised(reader);
    default:
      return reader.unexpected();
  }
}

function extreme(reader: TokenReader): DurationExpr {
  const kind = reader.take().kind as 'min_of' | 'max_of';
  reader.expect('(');
  const lhs = reader.nested(() => readDuration(reader));
  reader.expect(',');
  const rhs = reader.nested(() => readDuration(reader));
  reader.expect(')');
  return { kind, lhs, rhs, from: lhs.from, to: rhs.to };
}

/** Parentheses around parentheses are one pair. */
function parenthesised(reader: TokenReader): DurationExpr {
  const { from } = reader.expect('(');
  const expr = reader.nested(() => readDuration(reader));
  reader.expect(')');
  if (expr.kind === 'paren') return expr;
  return { kind: 'paren', expr, from: expr.kind === 'literal' ? from : expr.from, to: expr.to };
}
