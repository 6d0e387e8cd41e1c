import { nextTurn, turnIsOver } from './turns.ts';

/** What is sent or written at once. */
const PIECE_CHARACTERS = 64 * 1024;

/** Small texts joined to pieces of some 64 kB, which are made in turns of the event loop. */
export async function* textPieces(texts: Iterable<string>): AsyncGenerator<string, void> {
  let piece = '';
  for (const text of texts) {
    piece += text;
    if (turnIsOver()) await nextTurn();
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}
