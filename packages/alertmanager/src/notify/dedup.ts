import type { NotificationEntry } from '../nflog/nflog.ts';

export interface GroupNow {
  /** Hashes of alerts. */
  readonly firing: BigUint64Array;
  readonly resolved: BigUint64Array;
  readonly sendResolved: boolean;
  readonly repeatIntervalMs: number;
  readonly now: number;
}

/** Why a group's receiver hears of it; webhooks and templates get these words (upstream notify.NotifyReason). */
export type NotifyReason =
  | 'first notification'
  | 'new alerts added'
  | 'some alerts resolved'
  | 'all alerts resolved'
  | 'repeat interval elapsed';

/** Why a group's receiver must hear of it, given what it was last told; undefined where it need not (upstream DedupStage.needsUpdate). */
export function notifyReason(entry: NotificationEntry | undefined, group: GroupNow): NotifyReason | undefined {
  // of a group that nobody has heard of only firing alerts are news
  if (!entry) return group.firing.length > 0 ? 'first notification' : undefined;
  if (!isSubset(group.firing, entry.firing)) {
    return entry.firing.length === 0 ? 'first notification' : 'new alerts added';
  }
  // also without send_resolved, so that the log forgets the firing alerts
  if (group.firing.length === 0) return entry.firing.length > 0 ? 'all alerts resolved' : undefined;
  if (group.sendResolved && !isSubset(group.resolved, entry.resolved)) return 'some alerts resolved';
  return entry.timestamp < group.now - group.repeatIntervalMs ? 'repeat interval elapsed' : undefined;
}

function isSubset(subset: BigUint64Array, of: BigUint64Array): boolean {
  if (subset.length > 0 && of.length === 0) return false;
  const known = new Set(of);
  return subset.every((item) => known.has(item));
}
