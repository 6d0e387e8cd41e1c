import type { Clock } from '@avalanche/model';

/** Passes on what comes no more often than once in a time: the first at once, then the newest of what came meanwhile. */
export class Throttle<T> {
  private passedAt = Number.NEGATIVE_INFINITY;
  private cancel: (() => void) | undefined = undefined;
  private waiting: T | undefined = undefined;

  constructor(
    private readonly clock: Clock,
    private readonly intervalMs: number,
    private readonly pass: (value: T) => void,
  ) {}

  push(value: T): void {
    this.waiting = value;
    const leftMs = this.passedAt + this.intervalMs - this.clock.now();
    if (leftMs <= 0) this.flush();
    else this.cancel ??= this.clock.after(leftMs, () => this.flush());
  }

  /** What waits is forgotten. */
  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  private flush(): void {
    this.stop();
    this.passedAt = this.clock.now();
    this.pass(this.waiting as T);
  }
}
