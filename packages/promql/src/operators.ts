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

/** The series of one vector and then those of another. */
export function concatenate(first: VectorOperator, second: VectorOperator): VectorOperator {
  const series: SeriesMeta[] = [...first.series, ...second.series];
  const split = first.series.length;
  return {
    series,
    fill(i, out) {
      if (i < split) first.fill(i, out);
      else second.fill(i - split, out);
    },
  };
}
