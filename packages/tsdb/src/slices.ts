/** How long a computation may keep the event loop before it gives it a turn; several of them share a turn. */
const SLICE_MS = 4;
/** Sorted at once; more than that in runs, which are merged. */
const RUN_ITEMS = 256;

/** Lets everything run that waits for the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A long computation on the event loop, cut into slices of a few milliseconds. */
export class Slices {
  private end = performance.now() + SLICE_MS;
  private calls = 0;

  /** Whether to wait for `next`; looks at the clock once in a few calls. */
  isOver(): boolean {
    return (++this.calls & 31) === 0 && performance.now() > this.end;
  }

  async next(): Promise<void> {
    await nextTurn();
    this.end = performance.now() + SLICE_MS;
  }

  /** Runs a computation that yields between small steps. */
  async run<T>(steps: Generator<void, T>): Promise<T> {
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
      if (this.isOver()) await this.next();
    }
  }

  /** Sorts a list of any length. @returns it, or another one in its place */
  async sort<T>(items: T[], compare: (a: T, b: T) => number): Promise<T[]> {
    if (items.length <= RUN_ITEMS) return items.sort(compare);
    const runs: T[][] = [];
    for (let i = 0; i < items.length; i += RUN_ITEMS) {
      runs.push(items.slice(i, i + RUN_ITEMS).sort(compare));
      if (performance.now() > this.end) await this.next();
    }
    return this.merge(runs, compare);
  }

  /** Merges sorted lists. Of two equal entries the result has `join(earlier, later)`, or both where there is none. */
  async merge<T>(lists: T[][], compare: (a: T, b: T) => number, join?: (a: T, b: T) => T): Promise<T[]> {
    if (lists.length <= 1) return lists[0] ?? [];
    const half = lists.length >> 1;
    const a = await this.merge(lists.slice(0, half), compare, join);
    const b = await this.merge(lists.slice(half), compare, join);
    return this.run(mergeTwo(a, b, compare, join));
  }
}

/** Runs a computation that yields between small steps without a pause. */
export function runToEnd<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

function* mergeTwo<T>(
  a: readonly T[],
  b: readonly T[],
  compare: (a: T, b: T) => number,
  join: ((a: T, b: T) => T) | undefined,
): Generator<void, T[]> {
  const out: T[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    yield;
    const order = compare(a[i], b[j]);
    if (order === 0 && join) out.push(join(a[i++], b[j++]));
    else if (order <= 0) out.push(a[i++]);
    else out.push(b[j++]);
  }
  while (i < a.length) out.push(a[i++]);
  while (j < b.length) out.push(b[j++]);
  return out;
}
