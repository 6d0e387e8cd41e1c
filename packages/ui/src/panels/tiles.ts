export interface Tiles {
  readonly width: number;
  readonly height: number;
  readonly style: { readonly gridTemplateColumns: string; readonly gridTemplateRows: string };
}

const GAP_PX = 4;

/** Divides a box among `count` equal tiles, in one row, one column, or as near to a good shape as it goes. */
export function divide(width: number, height: number, count: number, orientation: string): Tiles {
  const columns =
    orientation === 'vertical' ? count : orientation === 'horizontal' ? 1 : autoColumns(width, height, count);
  const rows = Math.ceil(count / columns);
  return {
    width: Math.max(1, Math.floor((width - GAP_PX * (columns - 1)) / columns)),
    height: Math.max(1, Math.floor((height - GAP_PX * (rows - 1)) / rows)),
    style: { gridTemplateColumns: `repeat(${columns}, 1fr)`, gridTemplateRows: `repeat(${rows}, 1fr)` },
  };
}

const IDEAL_SHAPE = 1.8;

function autoColumns(width: number, height: number, count: number): number {
  let best = 1;
  let bestMiss = Number.POSITIVE_INFINITY;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const shape = width / columns / (height / rows);
    const miss = Math.abs(Math.log(shape / IDEAL_SHAPE)) + (columns * rows - count) * 0.1;
    if (miss < bestMiss) {
      best = columns;
      bestMiss = miss;
    }
  }
  return best;
}
