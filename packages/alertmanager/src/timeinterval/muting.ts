import type { Route } from '../route/route.ts';
import { containsTime, type TimeInterval } from './interval.ts';

type Intervals = ReadonlyMap<string, readonly TimeInterval[]>;

/** Which of a route's time intervals keep it quiet at `now` (milliseconds). */
export function mutingIntervals(
  { muteTimeIntervals, activeTimeIntervals }: Route,
  intervals: Intervals,
  now: number,
): { readonly byMute: readonly string[]; readonly outsideActive: boolean } {
  const inForce = (name: string): boolean =>
    (intervals.get(name) ?? []).some((interval) => containsTime(interval, now));
  return {
    byMute: muteTimeIntervals.filter(inForce),
    outsideActive: activeTimeIntervals.length > 0 && !activeTimeIntervals.some(inForce),
  };
}
