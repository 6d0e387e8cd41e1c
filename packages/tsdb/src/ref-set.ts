/** References below this are bits, those above entries of a set: other people's logs have sparse ones. */
const DENSE_MAX = 2 ** 27;

/** A set of log references, whole numbers from 0; quick to fill with many. */
export class RefSet {
  private readonly bits: Uint32Array;
  private readonly sparse = new Set<number>();

  /** @param highest the highest reference that may come */
  constructor(highest: number) {
    this.bits = new Uint32Array((Math.min(highest, DENSE_MAX) >>> 5) + 1);
  }

  add(ref: number): void {
    if (ref < DENSE_MAX) this.bits[ref >>> 5] |= 1 << (ref & 31);
    else this.sparse.add(ref);
  }

  has(ref: number): boolean {
    if (ref >= DENSE_MAX) return this.sparse.has(ref);
    return (this.bits[ref >>> 5] & (1 << (ref & 31))) !== 0;
  }
}
