import { nextTurn } from '../base/collector.ts';

const SLICE_MS = 5;
/** Looking at the time costs something, too. */
const ITEMS_BETWEEN_LOOKS = 16;

/** Lets others have the event loop in between, for loops that may be long. */
export class Slices {
  private begin = performance.now();
  private items = 0;

  /** To be asked once for each item. */
  isOver(): boolean {
    return ++this.items % ITEMS_BETWEEN_LOOKS === 0 && performance.now() - this.begin > SLICE_MS;
  }

  async next(): Promise<void> {
    await nextTurn();
    this.begin = performance.now();
  }
}
