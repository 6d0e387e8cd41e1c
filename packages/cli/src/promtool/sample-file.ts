import { closeSync, openSync, readSync } from 'node:fs';
import { ENTRY_END, ENTRY_SAMPLE, ExpositionError, ExpositionParser } from '@avalanche/exposition';

const PIECE_BYTES = 4 * 1024 * 1024;
const NEWLINE = 10;
const EOF_LINE = Buffer.from('# EOF\n');

/** Called at each sample; false ends the walk. */
export type VisitSample = (parser: ExpositionParser) => boolean;

/**
 * Walks the samples of an OpenMetrics file of any size, or of a pipe, in pieces of whole lines.
 * @throws ExpositionError with the line of the file; the file system's error; what `visit` throws
 */
export class SampleFile {
  /** Lines before the current piece. */
  private linesBefore = 0;
  private parser: ExpositionParser | undefined = undefined;
  private readonly fd: number;
  private buffer = Buffer.alloc(PIECE_BYTES + EOF_LINE.length);
  private filled = 0;
  private sawEof = false;

  /** @throws the file system's error */
  constructor(path: string) {
    this.fd = openSync(path, 'r');
  }

  /** Of the current sample, from 1. */
  get line(): number {
    return this.linesBefore + (this.parser?.line ?? 1);
  }

  async walk(visit: VisitSample, signal: AbortSignal): Promise<void> {
    try {
      for (let size = this.nextPiece(); size > 0; size = this.nextPiece()) {
        if (!this.walkPiece(size, visit)) return;
        this.takeAway(size);
        await new Promise<void>((resolve) => setImmediate(resolve)); // signals come here
        signal.throwIfAborted();
      }
      if (!this.sawEof) throw this.withoutEof(0);
    } finally {
      closeSync(this.fd);
    }
  }

  private walkPiece(size: number, visit: VisitSample): boolean {
    if (this.sawEof) throw new ExpositionError(this.linesBefore + 1, 'unexpected data after # EOF');
    this.sawEof = endsWithEof(this.buffer, size);
    if (!this.sawEof && this.buffer[size - 1] !== NEWLINE) throw this.withoutEof(countLines(this.buffer, size));
    const rest = Buffer.from(this.buffer.subarray(size, size + EOF_LINE.length));
    if (!this.sawEof) EOF_LINE.copy(this.buffer, size); // which the parser wants at the end of a body
    const parser = new ExpositionParser(this.buffer, 'openmetrics', {
      size: this.sawEof ? size : size + EOF_LINE.length,
    });
    this.parser = parser;
    try {
      for (let entry = parser.next(); entry !== ENTRY_END; entry = parser.next()) {
        if (entry === ENTRY_SAMPLE && !visit(parser)) return false;
      }
    } catch (error) {
      if (!(error instanceof ExpositionError)) throw error;
      throw new ExpositionError(this.linesBefore + error.line, error.reason);
    }
    rest.copy(this.buffer, size);
    return true;
  }

  /** Fills the buffer and returns how many bytes of it are whole lines; at the end of the file what is left. */
  private nextPiece(): number {
    for (;;) {
      const space = this.buffer.length - EOF_LINE.length;
      while (this.filled < space) {
        const got = readSync(this.fd, this.buffer, this.filled, space - this.filled, null);
        if (got === 0) return this.filled;
        this.filled += got;
      }
      const end = this.buffer.lastIndexOf(NEWLINE, this.filled - 1) + 1;
      if (end > 0) return end;
      this.buffer = Buffer.concat([this.buffer, Buffer.alloc(PIECE_BYTES)]); // a line longer than a piece
    }
  }

  private takeAway(size: number): void {
    this.linesBefore += countLines(this.buffer, size);
    this.buffer.copyWithin(0, size, this.filled);
    this.filled -= size;
  }

  private withoutEof(lines: number): ExpositionError {
    return new ExpositionError(this.linesBefore + lines + 1, 'data does not end with # EOF');
  }
}

function countLines(bytes: Buffer, size: number): number {
  let lines = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0 && at < size; at = bytes.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}

function endsWithEof(bytes: Buffer, size: number): boolean {
  const end = bytes[size - 1] === NEWLINE ? size - 1 : size;
  const start = end - EOF_LINE.length + 1;
  return (
    start >= 0 &&
    (start === 0 || bytes[start - 1] === NEWLINE) &&
    bytes.subarray(start, end).equals(EOF_LINE.subarray(0, -1))
  );
}
