/**
 * Time as an argument. The composition root passes `systemClock`; tests pass one that they move by hand.
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `run` once after `delayMs`; the function returned cancels it. Timers never keep the process alive. */
  after(delayMs: number, run: () => void): () => void;
}

const TIMER_MAX_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const end = Date.now() + delayMs;
    let timer: NodeJS.Timeout;
    // A Node timer longer than 2^31 − 1 ms fires at once: a longer delay is waited for in parts.
    const wait = (leftMs: number) => {
      const last = leftMs <= TIMER_MAX_MS;
      timer = setTimeout(() => (last ? run() : wait(end - Date.now())), Math.min(Math.max(0, leftMs), TIMER_MAX_MS));
      timer.unref();
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};

/** A clock that stands still until `advance`, which fires due timers in order of their time. */
export class ManualClock implements Clock {
  private readonly timers = new Set<{ readonly at: number; readonly run: () => void }>();

  constructor(private nowMs = 0) {}

  now(): number {
    return this.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.nowMs + Math.max(0, delayMs), run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Moves time forward; between timers, lets promises that they settled run. */
  async advance(byMs: number): Promise<void> {
    const end = this.nowMs + byMs;
    for (;;) {
      const due = [...this.timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.timers.delete(due);
      this.nowMs = due.at;
      due.run();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.nowMs = end;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
