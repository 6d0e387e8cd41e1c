/**
 * Long computations share the event loop in turns. Work that looks at `turnIsOver` now and then and waits for `nextTurn`
 * where it is keeps the loop for a few milliseconds at a time, however many such computations there are: in each round of
 * the loop one of them goes on.
 */
const TURN_MS = 5;
/** Sorted at once; more than that in runs, which are merged. */
const RUN_ITEMS = 256;

/** When the present round of the event loop has had enough of our work; 0 where there was none in it yet. */
let turnEnd = 0;
let roundEndAwaited = false;
const waiting: (() => void)[] = [];

/** Whether this round of the event loop has been held long enough, by whomever. */
export function turnIsOver(): boolean {
  const now = performance.now();
  if (turnEnd === 0) {
    turnEnd = now + TURN_MS;
    awaitRoundEnd();
  }
  return now > turnEnd;
}

/** Lets everything run that waits for the event loop, and those who asked before. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    awaitRoundEnd();
  });
}

function awaitRoundEnd(): void {
  if (roundEndAwaited) return;
  roundEndAwaited = true;
  setImmediate(() => {
    roundEndAwaited = false;
    turnEnd = 0;
    waiting.shift()?.();
    if (waiting.length > 0) awaitRoundEnd();
  });
}

/** A long computation on the event loop, cut into slices. */
export class Slices {
  private calls = 0;

  /** Whether to wait for `next`; looks at the clock once in a few calls. */
  isOver(): boolean {
    return (++this.calls & 31) === 0 && turnIsOver();
  }

  next(): Promise<void> {
    return nextTurn();
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
    if (await this.isSorted(items, compare)) return items;
    const runs: T[][] = [];
    for (let i = 0; i < items.length; i += RUN_ITEMS) {
      runs.push(items.slice(i, i + RUN_ITEMS).sort(compare));
      if (turnIsOver()) await this.next();
    }
    return this.merge(runs, compare);
  }

  private async isSorted<T>(items: readonly T[], compare: (a: T, b: T) => number): Promise<boolean> {
    for (let i = 1; i < items.length; i++) {
      if (compare(items[i - 1], items[i]) > 0) return false;
      if (this.isOver()) await this.next();
    }
    return true;
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
