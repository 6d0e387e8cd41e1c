/** Texts kept at most; then the table begins anew. */
const TEXTS_MAX = 1 << 20;

/**
 * Makes strings of UTF-8 bytes, each different text once: a log names the same label names and values over and over,
 * and finding them by their bytes is faster than decoding them, and cheaper in memory.
 */
export class Interner {
  private texts: string[] = [];
  /** The bytes of text i are `arena` from `ends[i - 1]` to `ends[i]`. */
  private arena = Buffer.allocUnsafeSlow(64 * 1024);
  private ends = new Uint32Array(1024);
  private hashes = new Int32Array(1024);
  /** Open addressing by hash: the number of a text plus one, 0 where free. */
  private slots = new Int32Array(4096);

  /** The text of `bytes` from `start` to `end`, which are within the array. */
  text(bytes: Uint8Array, start: number, end: number): string {
    const size = end - start;
    let hash = size;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    hash ^= hash >>> 15;
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const number = this.slots[slot] - 1;
      if (number < 0) return this.add(bytes, start, end, hash, slot);
      if (this.hashes[number] === hash && this.hasBytes(number, bytes, start, size)) return this.texts[number];
      slot = (slot + 1) & mask;
    }
  }

  private hasBytes(number: number, bytes: Uint8Array, start: number, size: number): boolean {
    const { arena, ends } = this;
    const from = number === 0 ? 0 : ends[number - 1];
    if (ends[number] - from !== size) return false;
    for (let i = 0; i < size; i++) if (arena[from + i] !== bytes[start + i]) return false;
    return true;
  }

  private add(bytes: Uint8Array, start: number, end: number, hash: number, slot: number): string {
    const number = this.texts.length;
    const from = number === 0 ? 0 : this.ends[number - 1];
    const to = from + end - start;
    if (number === TEXTS_MAX || to > 2 ** 31) {
      this.clear();
      return this.text(bytes, start, end);
    }
    this.reserve(number, to);
    for (let i = start; i < end; i++) this.arena[from + i - start] = bytes[i];
    const text = this.arena.toString('utf8', from, to);
    this.texts.push(text);
    this.ends[number] = to;
    this.hashes[number] = hash;
    this.slots[slot] = number + 1;
    if (this.texts.length * 2 > this.slots.length) this.growSlots();
    return text;
  }

  private reserve(number: number, bytes: number): void {
    if (number === this.ends.length) {
      const ends = new Uint32Array(number * 2);
      const hashes = new Int32Array(number * 2);
      ends.set(this.ends);
      hashes.set(this.hashes);
      this.ends = ends;
      this.hashes = hashes;
    }
    if (bytes <= this.arena.length) return;
    const arena = Buffer.allocUnsafeSlow(Math.max(bytes, this.arena.length * 2));
    this.arena.copy(arena);
    this.arena = arena;
  }

  private growSlots(): void {
    this.slots = new Int32Array(this.slots.length * 2);
    const mask = this.slots.length - 1;
    for (let number = 0; number < this.texts.length; number++) {
      let slot = this.hashes[number] & mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
      this.slots[slot] = number + 1;
    }
  }

  private clear(): void {
    this.texts = [];
    this.slots.fill(0);
  }
}
