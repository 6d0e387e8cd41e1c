import type { Column } from './align.ts';

export interface StackRule {
  readonly mode: 'none' | 'normal' | 'percent';
  /** Series pile up within one group; positive and negative ones apart. */
  readonly group: string;
}

export interface Stacked {
  readonly columns: readonly Column[];
  /** For every series, the one that its fill reaches down to, or -1 for zero. */
  readonly below: readonly number[];
}

/** Piles up the columns that say so, in order. A gap counts as nothing and stays a gap. */
export function stack(columns: readonly Column[], rules: readonly StackRule[]): Stacked {
  const below = columns.map(() => -1);
  const out = [...columns];
  const piles = new Map<string, { sums: Float64Array; top: number }>();
  const totals = percentTotals(columns, rules);
  columns.forEach((source, i) => {
    const rule = rules[i]!;
    if (rule.mode === 'none') return;
    const key = `${rule.group}:${isNegative(source) ? '-' : '+'}`;
    const pile = piles.get(key) ?? { sums: new Float64Array(source.length), top: -1 };
    below[i] = pile.top;
    pile.top = i;
    piles.set(key, pile);
    const total = rule.mode === 'percent' ? totals.get(rule.group) : undefined;
    out[i] = pileUp(source, pile.sums, total);
  });
  return { columns: out, below };
}

function pileUp(source: Column, sums: Float64Array, total: Float64Array | undefined): Column {
  return source.map((value, at) => {
    if (value === null || value === undefined) return value;
    const share = total ? (total[at] === 0 ? 0 : value / total[at]!) : value;
    sums[at] = sums[at]! + share;
    return sums[at]!;
  });
}

function isNegative(source: Column): boolean {
  return source.some((value) => typeof value === 'number' && value < 0) && !source.some((value) => (value ?? 0) > 0);
}

function percentTotals(columns: readonly Column[], rules: readonly StackRule[]): Map<string, Float64Array> {
  const totals = new Map<string, Float64Array>();
  columns.forEach((source, i) => {
    if (rules[i]!.mode !== 'percent') return;
    const total = totals.get(rules[i]!.group) ?? new Float64Array(source.length);
    totals.set(rules[i]!.group, total);
    source.forEach((value, at) => {
      total[at] = total[at]! + Math.abs(value ?? 0);
    });
  });
  return totals;
}
