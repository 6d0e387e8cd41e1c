import type { CancelSignal } from '@avalanche/model';
import { PromQLError } from './error.ts';

/** The longest that a timer can wait; more is as good as no limit. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Lets at most `size` queries run at once; the others wait in order. */
export class Slots {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly size: number) {}

  /** Takes a slot where one is free. @throws PromQLError where the query is canceled already */
  tryAcquire(signal: CancelSignal | undefined): boolean {
    if (signal?.aborted) throw new PromQLError('canceled', 'query was canceled in query queue');
    if (this.running >= this.size) return false;
    this.running++;
    return true;
  }

  /** Waits for a slot, of which none is free. @throws PromQLError where the query is canceled or over time while it waits */
  async acquire(timeoutMs: number, signal: CancelSignal | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const leave = (error: PromQLError): void => {
        settle();
        this.waiting.splice(this.waiting.indexOf(enter), 1);
        reject(error);
      };
      const onAbort = (): void => leave(new PromQLError('canceled', 'query was canceled in query queue'));
      const onTimeout = (): void => leave(new PromQLError('timeout', 'query timed out in query queue'));
      const timer = setTimeout(onTimeout, Math.min(timeoutMs, TIMER_MAX_MS));
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const enter = (): void => {
        settle();
        resolve();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.waiting.push(enter);
    });
  }

  /** Hands the slot to who waits longest. */
  release(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.running--;
  }
}
