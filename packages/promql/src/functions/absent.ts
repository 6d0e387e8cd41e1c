import type { Labels } from '@avalanche/model';
import { absentLabels } from '../absent-labels.ts';
import { ABSENT, FLOAT, StepColumn, type VectorOperator } from '../columns.ts';
import type { Scope } from '../plan.ts';
import { define, type FunctionSpec } from './spec.ts';

/** One series of ones at the steps where `op` has no sample at all. */
export async function absentWhere(op: VectorOperator, labels: Labels, { run, steps }: Scope): Promise<VectorOperator> {
  const series = [{ labels, dropName: false }];
  if (op.series.length === 0) return { series, fill: (_i, out) => fillWithOnes(out) };
  const column = new StepColumn(steps.count);
  const there = new Uint8Array(steps.count);
  for (let i = 0; i < op.series.length; i++) {
    op.fill(i, column);
    for (let s = 0; s < steps.count; s++) there[s] |= column.present[s];
    if (run.due()) await run.pause();
  }
  return {
    series,
    fill(_i, out) {
      fillWithOnes(out);
      for (let s = 0; s < out.count; s++) if (there[s]) out.present[s] = ABSENT;
    },
  };
}

function fillWithOnes(out: StepColumn): void {
  out.v.fill(1);
  out.present.fill(FLOAT);
}

export const absentFunctions: readonly FunctionSpec[] = [
  define('absent', ['vector'], 'vector', async (call, scope) => {
    const op = await scope.vector(call.args[0]);
    return { type: 'vector', op: await absentWhere(op, absentLabels(call.args[0]), scope) };
  }),
];
