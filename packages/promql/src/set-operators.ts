import type { Binary, VectorMatching } from './ast.ts';
import { ABSENT, StepColumn, type VectorOperator } from './columns.ts';
import { signatureKey } from './matching.ts';
import { concatenate, mapColumns } from './operators.ts';
import type { Scope } from './plan.ts';
import { materialize } from './query-run.ts';

/** Where any series of a vector with a given signature is there: signature key → a byte per step. */
type Presence = ReadonlyMap<string, Uint8Array>;

/** `and`, `or` and `unless`: one side is read for presence only, the other streams through. */
export async function combineSets(
  expr: Binary,
  lhs: VectorOperator,
  rhs: VectorOperator,
  scope: Scope,
): Promise<VectorOperator> {
  const matching = expr.matching as VectorMatching;
  if (expr.op !== 'or') {
    const right = await presenceOf(rhs, matching, scope);
    return filterByPresence(lhs, matching, right, expr.op === 'and', scope);
  }
  const left = await materialize(lhs, scope.run, scope.steps.count);
  const leftPresence = await presenceOf(left, matching, scope);
  const both = concatenate(left, await filterByPresence(rhs, matching, leftPresence, false, scope));
  scope.run.reads(both, left);
  return both;
}

async function presenceOf(op: VectorOperator, matching: VectorMatching, { run, steps }: Scope): Promise<Presence> {
  const presence = new Map<string, Uint8Array>();
  const column = new StepColumn(steps.count);
  for (let i = 0; i < op.series.length; i++) {
    op.fill(i, column);
    const key = signatureKey(op.series[i].labels, matching);
    let there = presence.get(key);
    if (!there) {
      there = new Uint8Array(steps.count);
      presence.set(key, there);
      run.checkCells(presence.size * steps.count);
    }
    for (let s = 0; s < steps.count; s++) there[s] |= column.present[s];
    if (run.due()) await run.pause();
  }
  return presence;
}

/** Keeps the samples whose signature is (or is not) there at the step. */
async function filterByPresence(
  op: VectorOperator,
  matching: VectorMatching,
  other: Presence,
  keepThere: boolean,
  { run }: Scope,
): Promise<VectorOperator> {
  const masks: (Uint8Array | undefined)[] = [];
  for (let i = 0; i < op.series.length; i++) {
    masks.push(other.get(signatureKey(op.series[i].labels, matching)));
    if (run.dueAt(i)) await run.pause();
  }
  return mapColumns(op, op.series, (column, i) => {
    const mask = masks[i];
    if (!mask) {
      if (keepThere) column.clear();
      return;
    }
    for (let s = 0; s < column.count; s++) if ((mask[s] !== 0) !== keepThere) column.present[s] = ABSENT;
  });
}
