/** Lets so many through at a time, the others in turn. */
export class Gate {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly max: number) {}

  async enter(): Promise<void> {
    if (this.inside >= this.max) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.inside++;
  }

  /** Whoever waits takes the place of who leaves. */
  leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.inside--;
  }

  /** Those inside and those who wait. */
  get size(): number {
    return this.inside + this.waiting.length;
  }
}
