import type { IncomingHttpHeaders } from 'node:http';

/** Up to when somebody waits for the answer of one scrape. */
export interface Scrape {
  /** In milliseconds of `performance.now()`; infinite where whoever asks has not said. */
  readonly deadline: number;
}

export const NO_DEADLINE: Scrape = { deadline: Number.POSITIVE_INFINITY };

/** What is kept back of the time given, for rendering and sending: a tenth, at most this. */
const MARGIN_MS = 500;

/** What `X-Prometheus-Scrape-Timeout-Seconds` allows, less a margin, so that the answer comes in time. */
export function scrapeOf(headers: IncomingHttpHeaders, now = performance.now()): Scrape {
  const timeoutMs = Number(headers['x-prometheus-scrape-timeout-seconds']) * 1000;
  if (!(timeoutMs > 0)) return NO_DEADLINE;
  return { deadline: now + timeoutMs - Math.min(MARGIN_MS, timeoutMs / 10) };
}
