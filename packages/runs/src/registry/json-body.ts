import { nextTurn, turnIsOver } from '@avalanche/model';
import { ReportError } from './report.ts';

/** A value that is no list, or an item of a list, may have so much: 200 parameters of 4096 characters, and the rest. */
const ITEM_BYTES_MAX = 1024 * 1024;
/** No report is deep; without a bound, a body of brackets takes a parser many seconds. */
const DEPTH_MAX = 64;
/** A list is parsed in pieces of about so much, which take a millisecond. */
const PIECE_BYTES = 64 * 1024;
/** Between two looks at the clock. */
const LOOK_BYTES = 8 * 1024;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
/** Before that many bytes something must stand. */
const BEGIN_BYTES = 4096;

/** Python writes numbers that are not finite as words, which JSON does not know. Texts are matched to be left alone. */
const TEXTS_AND_BARE_NUMBERS = /"[^"\\]*(?:\\[\s\S][^"\\]*)*(?:"|\\?$)|(-?Infinity|NaN)/g;

/**
 * The value of a JSON text, with words for the bare NaN and Infinity that Python writes. A large list is parsed in pieces,
 * in turns of the event loop.
 * @param itemsMax a list of more items is refused
 * @throws ReportError where it is no JSON, or too much of it
 */
export async function readJson(bytes: Buffer, itemsMax: number): Promise<unknown> {
  const items: unknown[] = [];
  let from = 0;
  for await (const end of cuts(bytes)) {
    take(parse(`${from === 0 ? '' : '['}${bytes.toString('utf8', from, end)}]`));
    from = end + 1;
  }
  const rest = parse(`${from === 0 ? '' : '['}${bytes.toString('utf8', from)}`);
  if (from === 0 && !Array.isArray(rest)) return rest;
  // a comma before the end
  if (from > 0 && (rest as unknown[]).length === 0) throw notJson();
  take(rest);
  return items;

  function take(piece: unknown): void {
    for (const item of piece as unknown[]) items.push(item);
    if (items.length > itemsMax) throw new ReportError(`more than ${itemsMax} reports at once`);
  }
}

/** What stands first in a body that is not blank; '' where that is only space. */
export function beginOf(bytes: Buffer): string {
  return bytes.toString('utf8', 0, BEGIN_BYTES).trimStart().slice(0, 1);
}

/** Where commas between items of a list end a piece; whether brackets fit is for whoever parses it. @throws ReportError */
async function* cuts(bytes: Buffer): AsyncGenerator<number, void> {
  const isList = beginOf(bytes) === '[';
  let depth = 0;
  let isText = false;
  let piece = 0;
  let item = 0;
  for (let i = 0, look = LOOK_BYTES; i < bytes.length; i++) {
    if (i >= look) {
      look += LOOK_BYTES;
      if (i - item > ITEM_BYTES_MAX) throw new ReportError(`a report has more than ${ITEM_BYTES_MAX} bytes`);
      if (turnIsOver()) await nextTurn();
    }
    const byte = bytes[i];
    if (isText) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (++depth > DEPTH_MAX) throw new ReportError(`a report is nested more than ${DEPTH_MAX} deep`);
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
    else if (byte === COMMA && depth === 1 && isList) {
      item = i + 1;
      if (i - piece < PIECE_BYTES) continue;
      yield i;
      piece = item;
    }
  }
}

/** @throws ReportError */
function parse(text: string): unknown {
  // what stands in texts of valid JSON stays as it is
  const value = parsed(text) ?? parsed(withoutBareNumbers(text));
  if (value === undefined) throw notJson();
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function withoutBareNumbers(text: string): string {
  return text.replace(TEXTS_AND_BARE_NUMBERS, (match, word?: string) => (word === undefined ? match : `"${word}"`));
}

function notJson(): ReportError {
  return new ReportError('neither JSON nor a form');
}
