import xxhash from 'xxhash-wasm';

/** XXH64 with seed 0 of some bytes, as Go's `xxhash.Sum64`. */
export type Xxhash64 = (bytes: Uint8Array) => bigint;

/** Compiles the hash function; once is enough. */
export async function loadXxhash64(): Promise<Xxhash64> {
  const { h64Raw } = await xxhash();
  return (bytes) => h64Raw(bytes);
}
