import { nextTurn, turnIsOver } from '@avalanche/model';

/** An array's text is parsed in pieces of about this size, which take a few milliseconds. */
const PIECE_BYTES = 128 * 1024;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * `JSON.parse` of a text in UTF-8, in turns of the event loop where it is a large array: it is cut between its items,
 * each piece is parsed by itself. @throws SyntaxError
 */
export async function parseJsonInTurns(bytes: Buffer, pieceBytes = PIECE_BYTES): Promise<unknown> {
  const begin = skipSpace(bytes, 0);
  if (bytes.length <= pieceBytes || bytes[begin] !== OPEN_ARRAY) return JSON.parse(bytes.toString()) as unknown;
  const items: unknown[] = [];
  for (let from = begin + 1; ; ) {
    const end = endOfPiece(bytes, from, from + pieceBytes);
    if (end === bytes.length) throw new SyntaxError('Unexpected end of JSON input');
    const piece = JSON.parse(`[${bytes.toString('utf8', from, end)}]`) as unknown[];
    const isLast = bytes[end] === CLOSE_ARRAY;
    // only an array of nothing has an end without an item before
    if (piece.length === 0 && !(isLast && from === begin + 1)) {
      throw new SyntaxError(`Unexpected token '${String.fromCharCode(bytes[end])}' at position ${end}`);
    }
    for (const item of piece) items.push(item);
    from = end + 1;
    if (isLast) {
      const rest = skipSpace(bytes, from);
      if (rest === bytes.length) return items;
      throw new SyntaxError(`Unexpected non-whitespace character after JSON at position ${rest}`);
    }
    if (turnIsOver()) await nextTurn();
  }
}

/**
 * The first comma between items from `enough` on, or the array's end; the text's length where it has none. What is
 * within an item is only counted: whether brackets fit is for whoever parses the piece.
 */
function endOfPiece(bytes: Buffer, from: number, enough: number): number {
  let depth = 0;
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) i = endOfString(bytes, i);
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      if (depth === 0) return byte === CLOSE_ARRAY ? i : bytes.length;
      depth--;
    } else if (byte === COMMA && depth === 0 && i >= enough) return i;
  }
  return bytes.length;
}

/** Where the string ends that begins at `from`. */
function endOfString(bytes: Buffer, from: number): number {
  let i = from + 1;
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}

function skipSpace(bytes: Buffer, from: number): number {
  let i = from;
  while (bytes[i] === 0x20 || (bytes[i] >= 0x09 && bytes[i] <= 0x0d && bytes[i] !== 0x0b && bytes[i] !== 0x0c)) i++;
  return i;
}
