/** What commits since a reader came have changed in one series: nothing of it is for that reader. */
interface LoggedCommit {
  readonly slots: Uint32Array;
  /** The newest sample time of each series before, in milliseconds. */
  readonly lastTimes: Float64Array;
}

/** Samples of commits that are remembered for readers: 48 MB. Readers that need more see later commits. */
const LOGGED_SAMPLES_MAX = 4_000_000;

/**
 * A query under way. It sees the head as it was when it came, whole commits only, however long it takes: what later
 * commits have added to a series lies after `lastTimes`.
 */
export class Reader {
  /** By slot: the newest sample time when this reader came, where a later commit has added to the series. */
  private lastTimes: Map<number, number> | null = null;

  constructor(
    private readonly readers: Readers,
    /** The number of the first commit that this reader must not see. */
    private next: number,
  ) {}

  /** The number of the first commit that this reader has not looked at yet. */
  get position(): number {
    return this.next;
  }

  /** Looks at the commits since the last call, for `seenUntil`. */
  catchUp(): void {
    for (const { slots, lastTimes } of this.readers.commitsFrom(this.next)) {
      this.lastTimes ??= new Map();
      for (let i = 0; i < slots.length; i++) {
        if (!this.lastTimes.has(slots[i])) this.lastTimes.set(slots[i], lastTimes[i]);
      }
    }
    this.next = this.readers.commits;
  }

  /** The time in milliseconds up to which this reader sees a series, which has samples up to `lastTime`. */
  seenUntil(slot: number, lastTime: number): number {
    return this.lastTimes?.get(slot) ?? lastTime;
  }
}

/** The queries that are under way. What they may still read is freed when the last of them has ended. */
export class Readers {
  /** Commits recorded since the start. */
  commits = 0;
  private readonly open = new Set<Reader>();
  private readonly waiting = new Set<{ readonly left: Set<Reader>; readonly resolve: () => void }>();
  /** The last commits, the newest with number `commits - 1`. */
  private log: LoggedCommit[] = [];
  private loggedSamples = 0;

  get size(): number {
    return this.open.size;
  }

  enter(): Reader {
    const reader = new Reader(this, this.commits);
    this.open.add(reader);
    return reader;
  }

  /** Idempotent. */
  leave(reader: Reader): void {
    if (!this.open.delete(reader)) return;
    this.forget();
    for (const waiter of this.waiting) {
      waiter.left.delete(reader);
      if (waiter.left.size > 0) continue;
      this.waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /** Remembers what a commit is about to add to, while there are readers: slots and their newest times, to be kept. */
  record(slots: Uint32Array, lastTimes: Float64Array): void {
    this.log.push({ slots, lastTimes });
    this.commits++;
    this.loggedSamples += slots.length;
    while (this.loggedSamples > LOGGED_SAMPLES_MAX) this.loggedSamples -= this.log.shift()?.slots.length ?? 0;
  }

  /** The commits from number `from` on, as far as they are remembered. */
  commitsFrom(from: number): readonly LoggedCommit[] {
    const first = this.commits - this.log.length;
    return this.log.slice(Math.max(0, from - first));
  }

  /** Resolves when every reader that is here now has left. */
  drained(): Promise<void> {
    if (this.open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.add({ left: new Set(this.open), resolve });
    });
  }

  /** Waits for nobody any more: the database is being closed. */
  abandon(): void {
    for (const reader of [...this.open]) this.leave(reader);
  }

  /** Drops the commits that every reader has looked at. */
  private forget(): void {
    let oldest = this.commits;
    for (const { position } of this.open) oldest = Math.min(oldest, position);
    const drop = this.log.length - (this.commits - oldest);
    for (const { slots } of this.log.splice(0, Math.max(0, drop))) this.loggedSamples -= slots.length;
  }
}
