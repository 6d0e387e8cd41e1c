/** Weight of the newest interval. */
const WEIGHT = 0.2;

/** An exponentially weighted moving average of events a second, counted in intervals. */
export class Rate {
  perSecond = 0;
  private events = 0;
  private begun = false;

  add(count: number): void {
    this.events += count;
  }

  /** Ends an interval. */
  tick(intervalMs: number): void {
    const now = (this.events * 1000) / intervalMs;
    const isFirst = !this.begun && this.events > 0;
    this.events = 0;
    if (this.begun) this.perSecond += WEIGHT * (now - this.perSecond);
    else if (isFirst) {
      this.begun = true;
      this.perSecond = now;
    }
  }
}
