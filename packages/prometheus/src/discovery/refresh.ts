import type { Discover, DiscoveryContext, TargetGroup } from './discovery.ts';

/** A mechanism that is asked anew at intervals. */
export interface Refreshing {
  /** `http`, as metrics and the log name it. */
  readonly mechanism: string;
  readonly intervalMs: number;
  /** Everything that is known now. It rejects where nothing could be learned; then the last groups stay. */
  readonly refresh: (signal: AbortSignal) => Promise<readonly TargetGroup[]>;
}

/** A longer Node timer fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Asks at once and then at each interval, one question at a time, until it is stopped (upstream discovery/refresh). */
export function refreshing({ mechanism, intervalMs, refresh }: Refreshing, context: DiscoveryContext): Discover {
  const { logger, discoveryMetrics: metrics, setName = '' } = context;
  return (update) => {
    const stop = new AbortController();
    let asking = false;
    const ask = async () => {
      if (asking) return;
      asking = true;
      const began = performance.now();
      let failed = false;
      try {
        const groups = await refresh(AbortSignal.any([stop.signal, AbortSignal.timeout(intervalMs)]));
        if (!stop.signal.aborted) update(groups);
      } catch (error) {
        failed = true;
        if (!stop.signal.aborted)
          logger.error('Unable to refresh target groups', { discovery: mechanism, config: setName, error });
      } finally {
        asking = false;
        if (!stop.signal.aborted) metrics?.refreshed(mechanism, setName, (performance.now() - began) / 1000, failed);
      }
    };
    void ask();
    const timer = setInterval(() => void ask(), Math.min(intervalMs, TIMER_MAX_MS));
    timer.unref();
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  };
}
