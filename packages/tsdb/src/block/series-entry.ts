/** One series of an index: its labels as symbol numbers and its chunks as columns. Reused between reads. */
export class SeriesEntry {
  ref = 0;
  pairCount = 0;
  /** Symbol numbers: name, value, name, value, …; twice `pairCount` are valid. */
  pairs = new Uint32Array(32);
  chunkCount = 0;
  /** Milliseconds of the first and last sample of each chunk. */
  minTime = new Float64Array(16);
  maxTime = new Float64Array(16);
  /** segment · 2^32 + offset. */
  chunkRef = new Float64Array(16);

  reservePairs(pairs: number): void {
    if (pairs * 2 > this.pairs.length) this.pairs = new Uint32Array(pairs * 4);
  }

  reserveChunks(chunks: number): void {
    if (chunks <= this.minTime.length) return;
    this.minTime = new Float64Array(chunks * 2);
    this.maxTime = new Float64Array(chunks * 2);
    this.chunkRef = new Float64Array(chunks * 2);
  }
}
