import type { NotificationEntry } from '../nflog/nflog.ts';

export interface GroupNow {
  /** Fingerprints. */
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  readonly sendResolved: boolean;
  readonly repeatIntervalMs: number;
  readonly now: number;
}

/** Whether a group's receiver must hear of it, given what it was last told (upstream DedupStage.needsUpdate). */
export function needsNotification(entry: NotificationEntry | undefined, group: GroupNow): boolean {
  // of a group that nobody has heard of only firing alerts are news
  if (!entry) return group.firing.length > 0;
  if (!isSubset(group.firing, entry.firing)) return true;
  // also without send_resolved, so that the log forgets the firing alerts
  if (group.firing.length === 0) return entry.firing.length > 0;
  if (group.sendResolved && !isSubset(group.resolved, entry.resolved)) return true;
  return entry.timestamp < group.now - group.repeatIntervalMs;
}

function isSubset(subset: readonly string[], of: readonly string[]): boolean {
  const known = new Set(of);
  return subset.every((item) => known.has(item));
}
