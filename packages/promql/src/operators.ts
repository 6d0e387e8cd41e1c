import type { SeriesMeta, StepColumn, VectorOperator } from './columns.ts';

/** A vector with other series and values: `change` works on each column in place. */
export function mapColumns(
  op: VectorOperator,
  series: readonly SeriesMeta[],
  change: (column: StepColumn, i: number) => void,
): VectorOperator {
  return {
    series,
    fill(i, out) {
      op.fill(i, out);
      change(out, i);
    },
  };
}
