import { type Buckets, NO_BUCKETS, sameLayout } from './buckets.ts';
import { coarserIndex } from './schema.ts';

/**
 * Numbers that are summed up with compensation (Kahan, improved by Neumaier): `sums[i] + carries[i]` is the value. The
 * carry takes what adding to the sum has rounded away.
 */
export class CompensatedSums {
  sums: Float64Array;
  carries: Float64Array;

  constructor(sums: Float64Array, carries: Float64Array = new Float64Array(sums.length)) {
    this.sums = sums;
    this.carries = carries;
  }

  add(i: number, value: number): void {
    const sum = this.sums[i];
    const total = sum + value;
    if (total === Number.POSITIVE_INFINITY || total === Number.NEGATIVE_INFINITY) this.carries[i] = 0;
    else if (Math.abs(sum) >= Math.abs(value)) this.carries[i] += sum - total + value;
    else this.carries[i] += value - total + sum;
    this.sums[i] = total;
  }

  value(i: number): number {
    return this.sums[i] + this.carries[i];
  }

  scale(factor: number): void {
    for (let i = 0; i < this.sums.length; i++) {
      this.sums[i] *= factor;
      this.carries[i] *= factor;
    }
  }

  divide(divisor: number): void {
    for (let i = 0; i < this.sums.length; i++) {
      this.sums[i] /= divisor;
      this.carries[i] /= divisor;
    }
  }

  get overflows(): boolean {
    return this.sums.some((sum) => sum === Number.POSITIVE_INFINITY || sum === Number.NEGATIVE_INFINITY);
  }
}

/** Buckets of one sign that others are added to. The layout is replaced, never changed, so it may be shared. */
export class CompensatedBuckets extends CompensatedSums {
  indexes: Int32Array;

  constructor({ indexes, counts }: Buckets) {
    super(counts.slice());
    this.indexes = indexes;
  }

  clone(): CompensatedBuckets {
    const copy = new CompensatedBuckets({ indexes: this.indexes, counts: this.sums });
    copy.carries = this.carries.slice();
    return copy;
  }

  /** Adds `sign` times the buckets from position `from` on. */
  addAll({ indexes, counts }: Buckets, from: number, sign: 1 | -1): void {
    if (from === 0 && sameLayout(indexes, this.indexes)) {
      for (let i = 0; i < counts.length; i++) this.add(i, sign * counts[i]);
      return;
    }
    this.include(indexes, from);
    let at = 0;
    for (let i = from; i < indexes.length; i++) {
      while (this.indexes[at] !== indexes[i]) at++;
      this.add(at, sign * counts[i]);
    }
  }

  /** Lists also the given indexes, with 0 where they are new. */
  private include(indexes: Int32Array, from: number): void {
    const old = { indexes: this.indexes, sums: this.sums, carries: this.carries };
    const union = new Int32Array(old.indexes.length + indexes.length - from);
    const places = new Int32Array(old.indexes.length);
    let length = 0;
    let b = from;
    for (let a = 0; a < old.indexes.length; a++) {
      while (b < indexes.length && indexes[b] < old.indexes[a]) union[length++] = indexes[b++];
      if (indexes[b] === old.indexes[a]) b++;
      places[a] = length;
      union[length++] = old.indexes[a];
    }
    while (b < indexes.length) union[length++] = indexes[b++];
    if (length === old.indexes.length) return;
    this.replace(union.slice(0, length));
    for (let a = 0; a < places.length; a++) {
      this.sums[places[a]] = old.sums[a];
      this.carries[places[a]] = old.carries[a];
    }
  }

  private replace(indexes: Int32Array): void {
    this.indexes = indexes;
    this.sums = new Float64Array(indexes.length);
    this.carries = new Float64Array(indexes.length);
  }

  /** Moves every bucket to where `place` says, which never falls; buckets that meet are added up. */
  remap(place: (index: number) => number): void {
    const old = { sums: this.sums, carries: this.carries };
    const places = this.indexes.map(place);
    this.replace(places.filter((index, i) => i === 0 || index !== places[i - 1]));
    let at = 0;
    for (let i = 0; i < places.length; i++) {
      while (this.indexes[at] !== places[i]) at++;
      this.add(at, old.sums[i]);
      this.add(at, old.carries[i]);
    }
  }

  reduce(shift: number): void {
    this.remap((index) => coarserIndex(index, shift));
  }

  /** Takes away the first `n` buckets. */
  dropFirst(n: number): void {
    this.indexes = this.indexes.slice(n);
    this.sums = this.sums.slice(n);
    this.carries = this.carries.slice(n);
  }

  /** The populated buckets. */
  result(): Buckets {
    const counts = new Float64Array(this.sums.length);
    let empty = 0;
    for (let i = 0; i < counts.length; i++) {
      counts[i] = this.sums[i] + this.carries[i];
      if (counts[i] === 0) empty++;
    }
    if (empty === 0) return { indexes: this.indexes, counts };
    if (empty === counts.length) return NO_BUCKETS;
    return { indexes: this.indexes.filter((_, i) => counts[i] !== 0), counts: counts.filter((count) => count !== 0) };
  }
}
