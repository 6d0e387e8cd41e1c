import type { VectorMatching } from './ast.ts';
import { isValidLabelName, quote } from './quote.ts';
import { isGroupingLabel, startsExpression } from './token.ts';
import type { TokenReader } from './token-reader.ts';

interface Modifiers {
  readonly bool: boolean;
  readonly matching: VectorMatching;
}

type Draft = { -readonly [K in keyof VectorMatching]: VectorMatching[K] };

/** Reads what may stand between an operator and its right side: `bool`, `on (…) group_left (…)`, `fill (…)`. */
export function readMatching(reader: TokenReader): Modifiers {
  const matching: Draft = {
    cardinality: 'one-to-one',
    on: false,
    labels: [],
    include: [],
    fillLeft: null,
    fillRight: null,
  };
  const bool = reader.accept('bool');
  const kind = reader.peek();
  if (kind === 'on' || kind === 'ignoring') {
    reader.take();
    matching.on = kind === 'on';
    matching.labels = readGrouping(reader);
    readGroup(reader, matching);
  }
  readFill(reader, matching);
  return { bool, matching };
}

function readGroup(reader: TokenReader, matching: Draft): void {
  const kind = reader.peek();
  if (kind !== 'group_left' && kind !== 'group_right') return;
  reader.take();
  matching.cardinality = kind === 'group_left' ? 'many-to-one' : 'one-to-many';
  if (reader.peek() === '(' || !startsExpression(reader.peek())) matching.include = readGrouping(reader);
}

function readFill(reader: TokenReader, matching: Draft): void {
  const kind = reader.peek();
  if (kind === 'fill') {
    matching.fillLeft = readFillValue(reader);
    matching.fillRight = matching.fillLeft;
  } else if (kind === 'fill_left') {
    matching.fillLeft = readFillValue(reader);
    if (reader.peek() === 'fill_right') matching.fillRight = readFillValue(reader);
  } else if (kind === 'fill_right') {
    matching.fillRight = readFillValue(reader);
    if (reader.peek() === 'fill_left') matching.fillLeft = readFillValue(reader);
  }
}

/** Reads `fill (-1)`, the word included. */
function readFillValue(reader: TokenReader): number {
  reader.take();
  reader.expect('(');
  const negative = reader.accept('-');
  if (!negative) reader.accept('+');
  const kind = reader.peek();
  if (kind !== 'number' && kind !== 'duration') reader.unexpected();
  const value = reader.number(reader.take());
  reader.expect(')');
  return negative ? -value : value;
}

/** Reads a list of labels in parentheses. */
export function readGrouping(reader: TokenReader): string[] {
  if (!reader.accept('(')) reader.unexpected(' in grouping opts, expected "("');
  const labels: string[] = [];
  while (!reader.accept(')')) {
    labels.push(readLabel(reader));
    if (reader.accept(',')) continue;
    if (reader.peek() !== ')') reader.unexpected(' in grouping opts, expected "," or ")"');
  }
  return labels;
}

function readLabel(reader: TokenReader): string {
  const kind = reader.peek();
  if (kind !== 'string' && !isGroupingLabel(kind)) reader.unexpected(' in grouping opts, expected label');
  const token = reader.take();
  const label = kind === 'string' ? reader.string(token) : token.text;
  if (!isValidLabelName(label)) reader.fail(token.from, `invalid label name for grouping: ${quote(label)}`);
  return label;
}
