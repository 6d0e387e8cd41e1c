import { SampleColumns } from '@avalanche/model';
import { type CachePart, Generations } from './generations.ts';

const DEFAULT_BYTES = 4 * 1024 * 1024;
const ASKED_SLOTS = 1 << 16;

interface DecodedChunk {
  readonly t: Float64Array;
  readonly bits: Uint32Array;
}

/**
 * Samples of chunks of all blocks of which a part was asked for more than once lately: a rate over five minutes needs the last
 * twenty of 120 samples, all of which must be decoded, and is asked for every few seconds.
 */
export class ChunkCache {
  private readonly generations: Generations;
  /** Chunks that were asked for, a hash each: what is asked for again is worth keeping. */
  private readonly asked = new Uint32Array(ASKED_SLOTS);
  private blocks = 0;

  constructor(bytesMax = DEFAULT_BYTES) {
    this.generations = new Generations(bytesMax);
  }

  ofBlock(): BlockChunkCache {
    const part = this.generations.part(({ t }: DecodedChunk) => 250 + 16 * t.length);
    return new BlockChunkCache(part, this.asked, ++this.blocks);
  }
}

export class BlockChunkCache {
  private readonly scratch = new SampleColumns();

  constructor(
    private readonly chunks: CachePart<DecodedChunk>,
    private readonly asked: Uint32Array,
    private readonly block: number,
  ) {}

  /** Appends the samples of a chunk with minTime ≤ t ≤ maxTime to `into`, if they are here. */
  read(chunkRef: number, minTime: number, maxTime: number, into: SampleColumns): boolean {
    const chunk = this.chunks.get(chunkRef);
    if (chunk === undefined) return false;
    const { t, bits } = chunk;
    let from = 0;
    let to = t.length;
    while (from < to && t[from] < minTime) from++;
    while (to > from && t[to - 1] > maxTime) to--;
    const at = into.length;
    into.reserve(at + to - from);
    if (to - from === t.length) {
      into.t.set(t, at);
      into.bits.set(bits, 2 * at);
    } else {
      for (let i = from, out = at; i < to; i++, out++) {
        into.t[out] = t[i];
        into.bits[2 * out] = bits[2 * i];
        into.bits[2 * out + 1] = bits[2 * i + 1];
      }
    }
    into.length = at + to - from;
    return true;
  }

  /** Keeps a chunk that was asked for before. @param decode appends all of its samples */
  offer(chunkRef: number, decode: (into: SampleColumns) => void): void {
    const hash = (Math.imul((chunkRef % 0x1_0000_0000) | 0, 0x9e3779b1) ^ Math.imul(this.block, 0x85ebca6b)) >>> 0;
    const slot = hash >>> 16;
    if (this.asked[slot] !== hash) {
      this.asked[slot] = hash;
      return;
    }
    const { scratch } = this;
    scratch.clear();
    decode(scratch);
    const { length } = scratch;
    this.chunks.set(chunkRef, { t: scratch.t.slice(0, length), bits: scratch.bits.slice(0, 2 * length) });
  }

  close(): void {
    this.chunks.close();
  }
}
