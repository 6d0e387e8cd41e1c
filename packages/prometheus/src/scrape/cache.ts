/** What stands behind a cached series text instead of a reference. */
export const REF_UNKNOWN = 0;
/** Metric relabelling drops this series. */
export const REF_DROPPED = -1;

/**
 * What a target's last scrape looked like: the text of each series in its order, and the reference it stands for. A
 * body that looks like the last one is walked next to it without hashing (design.md 6.5). Columns by slot; a slot is
 * one series text.
 */
export class ScrapeCache {
  readonly texts: string[] = [];
  /** Series reference, REF_UNKNOWN or REF_DROPPED. */
  readonly refs: number[] = [];
  /** The scrape in which the slot was last seen. */
  readonly seenIn: number[] = [];
  /** Number of the current scrape, from 1. */
  scrape = 0;
  /** Slots in the order of the last body. */
  private order: number[] = [];
  private nextOrder: number[] = [];
  private place = 0;
  private readonly slots = new Map<string, number>();

  begin(): void {
    this.scrape++;
    this.place = 0;
    this.nextOrder = [];
  }

  /** The text that stood where the body is now, or ''. */
  get expected(): string {
    const slot = this.order[this.place];
    return slot === undefined ? '' : this.texts[slot];
  }

  /** Whether the slot expected here holds exactly `body[start, end)`. */
  private isExpected(body: string, start: number, end: number): boolean {
    const expected = this.expected;
    return expected !== '' && expected.length === end - start && body.startsWith(expected, start);
  }

  /** The slot of the series text at `body[start, end)`, made if it is new. */
  slotAt(body: string, start: number, end: number): number {
    let slot = this.isExpected(body, start, end) ? this.order[this.place] : this.find(body.slice(start, end));
    if (slot < 0) slot = this.add(body.slice(start, end));
    this.place++;
    this.nextOrder.push(slot);
    return slot;
  }

  /** Closes the scrape: its order is what the next one is compared with. */
  end(): void {
    this.order = this.nextOrder;
    if (this.texts.length > 2 * this.order.length + 100) this.compact();
  }

  /** Ends a scrape that failed: the order stays that of the last good one, and what failing ones left is bounded. */
  abandon(): void {
    if (this.texts.length > 2 * this.order.length + 1000) this.compact();
  }

  private find(text: string): number {
    return this.slots.get(text) ?? -1;
  }

  private add(text: string): number {
    const slot = this.texts.length;
    // A slice keeps the whole body alive; the copy does not.
    const own = Buffer.from(text, 'utf8').toString('utf8');
    this.texts.push(own);
    this.refs.push(REF_UNKNOWN);
    this.seenIn.push(0);
    this.slots.set(own, slot);
    return slot;
  }

  /** Forgets the slots that the last scrape did not see, which churn would pile up. */
  private compact(): void {
    const kept = [...new Set(this.order)];
    const moved = new Map(kept.map((slot, i) => [slot, i]));
    const pick = <T>(column: T[]) => {
      const values = kept.map((slot) => column[slot]);
      column.length = 0;
      for (const value of values) column.push(value);
    };
    this.order = this.order.map((slot) => moved.get(slot) as number);
    pick(this.texts);
    pick(this.refs);
    pick(this.seenIn);
    this.slots.clear();
    this.texts.forEach((text, slot) => {
      this.slots.set(text, slot);
    });
  }
}
