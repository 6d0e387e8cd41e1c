/** Bytes of a cell by size class, in steps of a third to a half: what a chunk leaves empty of its cell is paid 50 000 times. */
export const OPEN_CHUNK_SIZES = [48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536] as const;
const SIZES = OPEN_CHUNK_SIZES;
const ARENA_BYTES = 48 * 1024;
/** A handle is `arena << CELL_BITS | cell`. */
const CELL_BITS = 10;
const CELL_MASK = (1 << CELL_BITS) - 1;
const NO_BYTES = new Uint8Array(0);

/** Cells of one size in arenas that go to other pools when empty. */
class Pool {
  readonly cells: number;
  /** By arena: its bytes, none where it was freed. */
  readonly arenas: Uint8Array[] = [];
  /** By arena: its free cells, as a stack of `freeCount` entries. */
  private readonly freeCells: Uint16Array[] = [];
  private readonly freeCount: number[] = [];
  /** Arenas with free cells, the one to take from last; freed arenas. */
  private readonly roomy: number[] = [];
  private readonly vacant: number[] = [];
  /** How many arenas have no cell in use. */
  private empty = 0;

  /** @param spare arenas that no pool uses, all zeros */
  constructor(
    readonly size: number,
    private readonly spare: Uint8Array[],
  ) {
    this.cells = Math.floor(ARENA_BYTES / size);
  }

  take(): number {
    if (this.roomy.length === 0) this.addArena();
    const arena = this.roomy[this.roomy.length - 1];
    if (this.freeCount[arena] === this.cells) this.empty--;
    const left = --this.freeCount[arena];
    if (left === 0) this.roomy.pop();
    return (arena << CELL_BITS) | this.freeCells[arena][left];
  }

  /** Gives a zeroed cell back. */
  give(handle: number): void {
    const arena = handle >>> CELL_BITS;
    const free = this.freeCount[arena]++;
    this.freeCells[arena][free] = handle & CELL_MASK;
    if (free === 0) this.roomy.push(arena);
    if (free + 1 < this.cells) return;
    if (this.empty++ > 0) this.freeArena(arena); // one is kept, so that a single chunk does not make and free it in turns
  }

  private addArena(): void {
    const arena = this.vacant.pop() ?? this.arenas.length;
    this.arenas[arena] = this.spare.pop() ?? new Uint8Array(ARENA_BYTES);
    this.freeCells[arena] = Uint16Array.from({ length: this.cells }, (_, i) => this.cells - 1 - i);
    this.freeCount[arena] = this.cells;
    this.empty++;
    this.roomy.push(arena);
  }

  private freeArena(arena: number): void {
    this.empty--;
    this.spare.push(this.arenas[arena]);
    this.arenas[arena] = NO_BYTES;
    this.freeCount[arena] = 0;
    this.roomy.splice(this.roomy.indexOf(arena), 1);
    this.vacant.push(arena);
  }
}

/**
 * Buffers for the chunks still being written: each is in a cell of the smallest size that holds it. Arenas are kept for
 * the next chunks, most of which begin and end together: given to the garbage collector, they would lie about until it
 * came, beside the new ones.
 */
export class OpenChunks {
  private readonly spare: Uint8Array[] = [];
  private readonly pools = SIZES.map((size) => new Pool(size, this.spare));

  static readonly SMALLEST = 0;

  /** Bytes of arenas in use. */
  get memoryBytes(): number {
    return this.pools.flatMap(({ arenas }) => arenas).reduce((sum, { length }) => sum + length, 0);
  }

  sizeOf(sizeClass: number): number {
    return SIZES[sizeClass];
  }

  /** A handle of a zeroed cell. */
  allocate(sizeClass: number): number {
    return this.pools[sizeClass].take();
  }

  bytes(sizeClass: number, handle: number): Uint8Array {
    return this.pools[sizeClass].arenas[handle >>> CELL_BITS];
  }

  offset(sizeClass: number, handle: number): number {
    return (handle & CELL_MASK) * SIZES[sizeClass];
  }

  release(sizeClass: number, handle: number): void {
    const at = this.offset(sizeClass, handle);
    this.bytes(sizeClass, handle).fill(0, at, at + SIZES[sizeClass]);
    this.pools[sizeClass].give(handle);
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
