const TURN_MS = 5;

/** Lets other work go on when a computation has held the event loop for a few milliseconds. */
export class Turns {
  private begin = performance.now();

  async pause(): Promise<void> {
    if (performance.now() - this.begin < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.begin = performance.now();
  }
}
