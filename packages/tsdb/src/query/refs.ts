/** Ascending series references without doubles: a postings list. */
export type Refs = Uint32Array;

export const NO_REFS: Refs = new Uint32Array(0);

/** What both lists have. Where one is far shorter, its entries are searched for in the other. */
export function intersect(a: Refs, b: Refs): Refs {
  if (a.length > b.length) return intersect(b, a);
  const out = new Uint32Array(a.length);
  let n = 0;
  if (a.length * 32 < b.length) {
    let from = 0;
    for (let i = 0; i < a.length; i++) {
      from = lowerBound(b, a[i], from);
      if (from === b.length) break;
      if (b[from] === a[i]) out[n++] = a[i];
    }
    return out.subarray(0, n);
  }
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const x = a[i];
    const y = b[j];
    if (x === y) out[n++] = x;
    if (x <= y) i++;
    if (y <= x) j++;
  }
  return out.subarray(0, n);
}

/** What `a` has and `b` has not. */
export function difference(a: Refs, b: Refs): Refs {
  const out = new Uint32Array(a.length);
  let n = 0;
  for (let i = 0, j = 0; i < a.length; i++) {
    while (j < b.length && b[j] < a[i]) j++;
    if (b[j] !== a[i]) out[n++] = a[i];
  }
  return out.subarray(0, n);
}

/** What any of the lists has: few are merged pairwise, many are put together and sorted. */
export function union(lists: readonly Refs[]): Refs {
  if (lists.length === 0) return NO_REFS;
  if (lists.length === 1) return lists[0];
  if (lists.length === 2) return unionOfTwo(lists[0], lists[1]);
  const all = new Uint32Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  let ascending = true;
  for (const list of lists) {
    ascending &&= at === 0 || list.length === 0 || all[at - 1] < list[0];
    all.set(list, at);
    at += list.length;
  }
  return ascending ? all : withoutDoubles(all.sort());
}

function unionOfTwo(a: Refs, b: Refs): Refs {
  const out = new Uint32Array(a.length + b.length);
  let n = 0;
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const x = a[i];
    const y = b[j];
    out[n++] = Math.min(x, y);
    if (x <= y) i++;
    if (y <= x) j++;
  }
  while (i < a.length) out[n++] = a[i++];
  while (j < b.length) out[n++] = b[j++];
  return out.subarray(0, n);
}

function withoutDoubles(sorted: Refs): Refs {
  let n = 0;
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[n++] = sorted[i];
  return sorted.subarray(0, n);
}

/** The first index ≥ `from` whose entry is at least `value`, found in steps that double. */
function lowerBound(refs: Refs, value: number, from: number): number {
  let step = 1;
  let low = from;
  while (low + step < refs.length && refs[low + step] < value) {
    low += step;
    step *= 2;
  }
  let high = Math.min(refs.length, low + step + 1);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (refs[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
