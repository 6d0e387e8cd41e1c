/** The bounds that both of two ascending lists have: the layout that two custom-bucket histograms are brought to. */
export function intersectBounds(a: Float64Array, b: Float64Array): Float64Array {
  const both: number[] = [];
  let j = 0;
  for (const bound of a) {
    while (j < b.length && b[j] < bound) j++;
    if (b[j] === bound) both.push(bound);
  }
  return Float64Array.from(both);
}

/** Says for each bucket of `bounds` in which bucket of the coarser `target` it lies. To be asked in ascending order. */
export function coarserCustomIndex(bounds: Float64Array, target: Float64Array): (index: number) => number {
  let at = 0;
  return (index) => {
    if (index >= bounds.length) return target.length;
    while (at < target.length && target[at] < bounds[index]) at++;
    return at;
  };
}
