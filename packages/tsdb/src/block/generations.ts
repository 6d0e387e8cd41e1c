/**
 * Room that caches of several blocks share, in two generations: where what came lately fills half of it, what was not asked
 * for since the last time goes.
 */
export class Generations {
  private readonly parts = new Set<{ age(): void }>();
  private bytes = 0;

  constructor(
    private readonly bytesMax: number,
    private readonly aged: () => void = () => {},
  ) {}

  /** The cache of one block. @param sizeOf about how many bytes a value takes */
  part<V>(sizeOf: (value: V) => number): CachePart<V> {
    const part = new CachePart(this, sizeOf);
    this.join(part);
    return part;
  }

  /** `age` is called when what came before the last time is to go. */
  join(part: { age(): void }): void {
    this.parts.add(part);
  }

  grow(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes * 2 < this.bytesMax) return;
    this.bytes = 0;
    this.aged();
    for (const part of this.parts) part.age();
  }

  forget(part: { age(): void }): void {
    this.parts.delete(part);
  }
}

/** What is kept of one block, by number. */
export class CachePart<V> {
  private young = new Map<number, V>();
  private old = new Map<number, V>();

  constructor(
    private readonly shared: Generations,
    private readonly sizeOf: (value: V) => number,
  ) {}

  get(key: number): V | undefined {
    const value = this.young.get(key);
    if (value !== undefined) return value;
    const aged = this.old.get(key);
    if (aged !== undefined) this.set(key, aged);
    return aged;
  }

  set(key: number, value: V): void {
    this.young.set(key, value);
    this.shared.grow(this.sizeOf(value));
  }

  age(): void {
    this.old = this.young;
    this.young = new Map();
  }

  close(): void {
    this.shared.forget(this);
  }
}
