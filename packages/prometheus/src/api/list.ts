import { TRUNCATED } from './query.ts';

/** A list, perhaps cut by `limit`. */
export class Limited {
  constructor(
    readonly items: readonly unknown[],
    readonly truncated: boolean,
  ) {}
}

/** Items that are made into text at once. */
const ITEMS_A_PIECE = 500;

/** The whole answer, in pieces: there may be hundreds of thousands of series. */
export function* listBody({ items, truncated }: Limited): Generator<Buffer> {
  let text = '{"status":"success","data":[';
  for (let from = 0; from < items.length; from += ITEMS_A_PIECE) {
    const list = JSON.stringify(items.length > ITEMS_A_PIECE ? items.slice(from, from + ITEMS_A_PIECE) : items);
    text += list.slice(1, -1);
    if (from + ITEMS_A_PIECE >= items.length) break;
    yield Buffer.from(text);
    text = ',';
  }
  yield Buffer.from(text + (truncated ? `],"warnings":${JSON.stringify([TRUNCATED])}}` : ']}'));
}
