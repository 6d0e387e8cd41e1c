/** Bytes of a slab. Chunks of about 120 samples take some 150 to 2,300 bytes. */
const SLAB_BYTES = 1 << 20;

/**
 * The closed chunks of the head: bytes in slabs, everything else in columns by chunk number, no object a chunk.
 * The chunks of a series form a list from the newest to the oldest. A slab is freed when its last chunk is dropped.
 */
export class ChunkStore {
  minTime = new Float64Array(1024);
  maxTime = new Float64Array(1024);
  /** Bytes. */
  length = new Uint16Array(1024);
  /** The chunk before this one of the same series, or 0. */
  previous = new Uint32Array(1024);
  private slab = new Uint32Array(1024);
  private offset = new Uint32Array(1024);
  private used = 1; // chunk 0 is "none"
  private readonly free: number[] = [];
  private readonly slabs: (Uint8Array | null)[] = [];
  private readonly chunksInSlab: number[] = [];
  private readonly freeSlabs: number[] = [];
  private current = -1;
  private fill = SLAB_BYTES;

  /** Bytes held by slabs. */
  get bytes(): number {
    return (this.slabs.length - this.freeSlabs.length) * SLAB_BYTES;
  }

  get size(): number {
    return this.used - 1 - this.free.length;
  }

  /** Copies an encoded chunk in and returns its number. */
  add(
    source: Uint8Array,
    start: number,
    length: number,
    meta: { readonly minTime: number; readonly maxTime: number; readonly previous: number },
  ): number {
    if (this.fill + length > SLAB_BYTES) this.openSlab();
    const slab = this.slabs[this.current] as Uint8Array;
    slab.set(source.subarray(start, start + length), this.fill);
    const id = this.free.pop() ?? this.nextId();
    this.minTime[id] = meta.minTime;
    this.maxTime[id] = meta.maxTime;
    this.length[id] = length;
    this.previous[id] = meta.previous;
    this.slab[id] = this.current;
    this.offset[id] = this.fill;
    this.chunksInSlab[this.current]++;
    this.fill += length;
    return id;
  }

  bytesOf(id: number): Uint8Array {
    return this.slabs[this.slab[id]] as Uint8Array;
  }

  offsetOf(id: number): number {
    return this.offset[id];
  }

  drop(id: number): void {
    const slab = this.slab[id];
    this.free.push(id);
    if (--this.chunksInSlab[slab] === 0 && slab !== this.current) {
      this.slabs[slab] = null;
      this.freeSlabs.push(slab);
    }
  }

  private openSlab(): void {
    const before = this.current;
    this.current = this.freeSlabs.pop() ?? this.slabs.length;
    this.slabs[this.current] = new Uint8Array(SLAB_BYTES);
    this.chunksInSlab[this.current] = 0;
    this.fill = 0;
    if (before >= 0 && this.chunksInSlab[before] === 0) {
      this.slabs[before] = null;
      this.freeSlabs.push(before);
    }
  }

  private nextId(): number {
    if (this.used === this.length.length) this.grow();
    return this.used++;
  }

  private grow(): void {
    const size = this.length.length * 2;
    this.minTime = copyInto(new Float64Array(size), this.minTime);
    this.maxTime = copyInto(new Float64Array(size), this.maxTime);
    this.length = copyInto(new Uint16Array(size), this.length);
    this.previous = copyInto(new Uint32Array(size), this.previous);
    this.slab = copyInto(new Uint32Array(size), this.slab);
    this.offset = copyInto(new Uint32Array(size), this.offset);
  }
}

export function copyInto<T extends { set(source: T): void }>(target: T, source: T): T {
  target.set(source);
  return target;
}
