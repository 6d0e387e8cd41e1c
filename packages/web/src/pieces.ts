import type { Writable } from 'node:stream';
import { nextTurn, turnIsOver } from '@avalanche/model';

/** Answers up to this size are sent at once: many small writes would cost more than one copy. */
const AT_ONCE_BYTES = 256 * 1024;

/** A body in pieces, of which the first are made and others are made as they are sent. */
export interface Pieces {
  readonly ready: readonly Buffer[];
  /** null where the body is whole. */
  readonly rest: Iterator<Buffer> | null;
  /** Gives the memory of a piece back once it is sent. */
  readonly recycle: (piece: Buffer) => void;
}

/** Makes what may be sent at once. */
export function firstPieces(pieces: Iterator<Buffer>, recycle: Pieces['recycle']): Pieces {
  const ready: Buffer[] = [];
  for (let bytes = 0; bytes < AT_ONCE_BYTES; ) {
    const { done, value } = pieces.next();
    if (done) return { ready, rest: null, recycle };
    ready.push(value);
    bytes += value.length;
  }
  return { ready, rest: pieces, recycle };
}

/** A body that is whole, in one buffer: its piece where there is but one. */
export function inOne({ ready, recycle }: Pieces): Buffer {
  if (ready.length === 1) return ready[0];
  const whole = Buffer.concat(ready);
  for (const piece of ready) recycle(piece);
  return whole;
}

/** All pieces, with a turn of the event loop between those that are still to be made. */
export async function* allPieces({ ready, rest }: Pieces): AsyncGenerator<Buffer> {
  try {
    yield* ready;
    for (let next = rest?.next(); next && !next.done; next = rest?.next()) {
      yield next.value;
      if (turnIsOver()) await nextTurn();
    }
  } finally {
    rest?.return?.(); // whoever makes them may hold something, also where the client goes away
  }
}

/**
 * Writes pieces no faster than the client takes them, and ends early where it goes away.
 * @param write writes one piece, and returns what `Writable.write` does
 */
export async function writePieces(
  stream: Writable,
  pieces: AsyncIterable<Buffer>,
  write: (piece: Buffer) => boolean,
): Promise<void> {
  for await (const piece of pieces) {
    if (!write(piece)) await drained(stream);
    else if (turnIsOver()) await nextTurn();
    if (isGone(stream)) return;
  }
}

/** Resolves once a stream takes more, or is closed. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
    if (isGone(stream)) done();
  });
}

/** Whether the client has gone. A response of HTTP/2 knows it by its stream. */
function isGone(stream: Writable & { readonly stream?: { readonly destroyed: boolean } }): boolean {
  return stream.destroyed || stream.stream?.destroyed === true;
}
