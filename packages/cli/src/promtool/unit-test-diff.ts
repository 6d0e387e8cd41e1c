import { type Labels, quote } from '@avalanche/model';
import type { FiringAlert, SampleToCompare } from './unit-test-compare.ts';

const RED = '\x1b[0;31m';
const GREEN = '\x1b[0;32m';
const RESET = '\x1b[0m';
const INDENT = ' '.repeat(12);

/** How alerts differ from what is expected: both lists, or with `diff` their JSON line by line in colours. */
export function alertDifference(wanted: readonly FiringAlert[], got: readonly FiringAlert[], diff: boolean): string {
  if (diff) return `        diff: ${indented(jsonDifference(wanted, got))}`;
  return `        exp:${indented(alertList(wanted))}, \n        got:${indented(alertList(got))}`;
}

function alertList(alerts: readonly FiringAlert[]): string {
  if (alerts.length === 0) return '[]';
  const items = alerts.map((alert, i) => {
    const [labels, annotations] = [alert.labels, alert.annotations].map(pairs);
    return `${i}:\n  Labels:${labels}\n  Annotations:${annotations}`;
  });
  return `[\n${items.join(',\n')}\n]`;
}

function pairs(entries: FiringAlert['labels']): string {
  return `{${entries.map(([name, value]) => `${labelName(name)}=${quote(value)}`).join(', ')}}`;
}

function labelName(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : quote(name);
}

function indented(text: string): string {
  return text.split('\n').join(`\n${INDENT}`);
}

/** What only one of them has, in red what is missing and in green what is too much. */
function jsonDifference(wanted: readonly FiringAlert[], got: readonly FiringAlert[]): string {
  const [before, after] = [wanted, got].map(jsonLines);
  const lines: string[] = [];
  // The longest common lines by a table: the lists are short.
  const common = commonLengths(before, after);
  for (let i = 0, j = 0; i < before.length || j < after.length; ) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push(`  ${before[i]}`);
      i++;
      j++;
    } else if (j >= after.length || (i < before.length && common[i + 1][j] >= common[i][j + 1])) {
      lines.push(`${RED}- ${before[i++]}${RESET}`);
    } else lines.push(`${GREEN}+ ${after[j++]}${RESET}`);
  }
  return lines.join('\n');
}

function jsonLines(alerts: readonly FiringAlert[]): string[] {
  const plain = alerts.map(({ labels, annotations }) => ({
    Labels: Object.fromEntries(labels),
    Annotations: Object.fromEntries(annotations),
  }));
  return JSON.stringify(plain, null, 4).split('\n');
}

function commonLengths(a: readonly string[], b: readonly string[]): number[][] {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  return table;
}

/** How samples differ from what is expected. */
export function sampleDifference(wanted: readonly SampleToCompare[], got: readonly SampleToCompare[]): string {
  return `        exp: ${sampleList(wanted)}\n        got: ${sampleList(got)}`;
}

function sampleList(samples: readonly SampleToCompare[]): string {
  if (samples.length === 0) return 'nil';
  return samples
    .map(({ labels, value, histogram }) => `${labelText(labels)} ${histogram === '' ? scientific(value) : histogram}`)
    .join(', ');
}

/** All labels between braces, the name among them. */
export function labelText(labels: Labels): string {
  return pairs([...labels.entries()]);
}

/** Go's FormatFloat with `E`. */
function scientific(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const [mantissa, exponent] = (Object.is(value, -0) ? '-0e+0' : value.toExponential()).split('e');
  return `${mantissa}E${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}
