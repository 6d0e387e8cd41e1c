/** What a computation tells while it runs. `progress` is 0 to 1. */
export interface TaskContext {
  progress(done: number): void;
}

/** Lets timers and sockets of this thread have their turn. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Calls `breathe` when `sliceMs` have passed since the last time, so that no other work waits longer than that. */
export class Pacer {
  private sliceEnd: number;

  constructor(private readonly sliceMs = 8) {
    this.sliceEnd = performance.now() + sliceMs;
  }

  async pause(): Promise<void> {
    if (performance.now() < this.sliceEnd) return;
    await breathe();
    this.sliceEnd = performance.now() + this.sliceMs;
  }
}
