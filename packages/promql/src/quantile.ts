/** Ascending order with NaN first, as upstream sorts for quantiles, `topk` and `sort`. */
export function byValueNaNFirst(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  if (Number.isNaN(b)) return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

export function isQuantile(q: number): boolean {
  return q >= 0 && q <= 1;
}

/** The q-quantile of all values, which are put into another order. */
export function quantile(q: number, values: Float64Array): number {
  return quantileInPlace(q, values, values.length);
}

/** The q-quantile of the first `size` values, which are put into another order: those at its ranks are found, not all sorted. */
export function quantileInPlace(q: number, values: Float64Array, size: number): number {
  if (size === 0 || !isQuantile(q)) return outside(q);
  const lower = Math.floor(q * (size - 1));
  const nans = moveNaNsFirst(values, size);
  if (lower >= nans) {
    partition(values, nans, size - 1, lower);
    if (lower + 1 < size) swap(values, lower + 1, leastIndex(values, lower + 1, size));
  } else if (lower + 1 === nans && nans < size) {
    swap(values, nans, leastIndex(values, nans, size));
  }
  return quantileOfSorted(q, values, size);
}

/** The q-quantile of `size` values in order, NaN first. Only the values at its ranks are looked at. */
export function quantileOfSorted(q: number, values: Float64Array, size: number): number {
  return quantileOfRanks(q, size, (rank) => values[rank]);
}

/** The q-quantile of `size` values that are known by rank, NaN first: linear interpolation between the nearest ranks. */
export function quantileOfRanks(q: number, size: number, valueAt: (rank: number) => number): number {
  if (size === 0 || !isQuantile(q)) return outside(q);
  const rank = q * (size - 1);
  const lower = Math.floor(rank);
  const upper = Math.min(size - 1, lower + 1);
  const weight = rank - lower;
  return valueAt(lower) * (1 - weight) + valueAt(upper) * weight;
}

export function sortNaNFirst(values: Float64Array): void {
  values.subarray(moveNaNsFirst(values, values.length)).sort();
}

function outside(q: number): number {
  if (q < 0) return Number.NEGATIVE_INFINITY;
  return q > 1 ? Number.POSITIVE_INFINITY : Number.NaN;
}

function moveNaNsFirst(values: Float64Array, size: number): number {
  let nans = 0;
  for (let i = 0; i < size; i++) if (Number.isNaN(values[i])) swap(values, i, nans++);
  return nans;
}

/** Moves values from … to so that the one at `rank` is the one that sorting would put there, with none greater before it. */
function partition(values: Float64Array, from: number, to: number, rank: number): void {
  let low = from;
  let high = to;
  while (low < high) {
    const pivot = values[(low + high) >>> 1];
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i <= j) swap(values, i++, j--);
    }
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else return;
  }
}

function leastIndex(values: Float64Array, from: number, to: number): number {
  let least = from;
  for (let i = from + 1; i < to; i++) if (values[i] < values[least]) least = i;
  return least;
}

function swap(values: Float64Array, i: number, j: number): void {
  const value = values[i];
  values[i] = values[j];
  values[j] = value;
}
