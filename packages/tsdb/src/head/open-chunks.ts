/** Bytes of a cell by size class. */
export const OPEN_CHUNK_SIZES = [64, 128, 256, 512, 1024, 2048] as const;
const SIZES = OPEN_CHUNK_SIZES;
const ARENA_BYTES = 256 * 1024;

/**
 * Buffers for the chunks still being written, in size classes that double: a quiet series stays in 64 bytes.
 * A handle is `arena * cells + cell` of one class; freed cells are zeroed and handed out again.
 */
export class OpenChunks {
  private readonly classes = SIZES.map((size) => ({ size, arenas: [] as Uint8Array[], free: [] as number[], used: 0 }));

  static readonly SMALLEST = 0;

  sizeOf(sizeClass: number): number {
    return SIZES[sizeClass];
  }

  allocate(sizeClass: number): number {
    const pool = this.classes[sizeClass];
    const freed = pool.free.pop();
    if (freed !== undefined) return freed;
    const cells = ARENA_BYTES / pool.size;
    if (pool.used === pool.arenas.length * cells) pool.arenas.push(new Uint8Array(ARENA_BYTES));
    return pool.used++;
  }

  bytes(sizeClass: number, handle: number): Uint8Array {
    const pool = this.classes[sizeClass];
    return pool.arenas[Math.floor((handle * pool.size) / ARENA_BYTES)];
  }

  offset(sizeClass: number, handle: number): number {
    return (handle * SIZES[sizeClass]) % ARENA_BYTES;
  }

  release(sizeClass: number, handle: number): void {
    const at = this.offset(sizeClass, handle);
    this.bytes(sizeClass, handle).fill(0, at, at + SIZES[sizeClass]);
    this.classes[sizeClass].free.push(handle);
  }

  /** Moves a full cell to the next class and returns its new handle. @throws RangeError where there is no larger one */
  enlarge(sizeClass: number, handle: number): number {
    if (sizeClass + 1 >= SIZES.length) throw new RangeError('BUG: a head chunk outgrew the largest buffer');
    const bigger = this.allocate(sizeClass + 1);
    const source = this.bytes(sizeClass, handle);
    const target = this.bytes(sizeClass + 1, bigger);
    const from = this.offset(sizeClass, handle);
    const to = this.offset(sizeClass + 1, bigger);
    // A view to copy from would be an object; cells are small.
    for (let i = 0; i < SIZES[sizeClass]; i++) target[to + i] = source[from + i];
    this.release(sizeClass, handle);
    return bigger;
  }
}
