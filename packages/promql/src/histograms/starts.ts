/** The start timestamps of two successive samples beside their times, all in milliseconds; 0 for an unknown start. */
export interface Succession {
  readonly startBefore: number;
  readonly timeBefore: number;
  readonly start: number;
  readonly time: number;
}

export function successionAt(t: Float64Array, starts: Float64Array, i: number): Succession {
  return { startBefore: starts[i - 1], timeBefore: t[i - 1], start: starts[i], time: t[i] };
}

/**
 * Whether a counter began anew between two samples: it started at or after the first. A start at the time of its own
 * sample says nothing (OTel's unknown start). A start exactly at the sample before is a delta series, unless the start
 * of that one is unknown or impossible.
 */
export function startsAnew({ startBefore, timeBefore, start, time }: Succession): boolean {
  if (start === 0 || start >= time || start < timeBefore) return false;
  if (start > timeBefore) return true;
  return startBefore !== 0 && startBefore < timeBefore;
}

/** Whether a sample claims to count since before its predecessor, but not since the same time as that. */
export function overlaps({ startBefore, timeBefore, start }: Succession): boolean {
  return start !== 0 && start < timeBefore && start !== startBefore;
}
