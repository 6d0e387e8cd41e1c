/** A file of a block is damaged: a checksum does not match, or a length or number cannot be. */
export class BlockCorruption extends Error {
  override readonly name = 'BlockCorruption';
  readonly code = 'BLOCK_CORRUPTION';

  /** @param offset of the damaged section in the file, in bytes */
  constructor(
    readonly file: string,
    readonly offset: number,
    readonly detail: string,
  ) {
    super(`${file} is damaged at offset ${offset}: ${detail}`);
  }
}

/** A chunk of an encoding that is not known, or one of native histograms that would have to be written anew. */
export class UnsupportedChunk extends Error {
  override readonly name = 'UnsupportedChunk';
  readonly code = 'UNSUPPORTED_CHUNK';
}
