/** What the number of shards is computed from (upstream's `calculateDesiredShards`). */
export interface ShardingFacts {
  readonly shards: number;
  readonly min: number;
  readonly max: number;
  /** Samples a second that come in, that relabelling drops, and that go out. */
  readonly inRate: number;
  readonly droppedRate: number;
  readonly outRate: number;
  /** Seconds a second spent on sending, over all shards. */
  readonly sendSeconds: number;
  /** How far what was sent is behind what came in, in seconds. */
  readonly delaySeconds: number;
}

/** Changes smaller than this are not worth it. */
const TOLERANCE = 0.3;
/** Of what is pending, so much a second is to be caught up on. */
const CATCH_UP = 0.05;
/** Whoever is later than this keeps its shards. */
const DELAY_SECONDS_MAX = 10;

/** How many shards there should be, and how many would be exactly right. */
export function desiredShards(facts: ShardingFacts): { readonly shards: number; readonly exact: number | undefined } {
  const { shards, inRate, droppedRate, outRate, sendSeconds, delaySeconds } = facts;
  if (outRate <= 0) return { shards, exact: undefined };
  const kept = inRate * (outRate / (droppedRate + outRate));
  const exact = (sendSeconds / outRate) * (kept + CATCH_UP * delaySeconds * kept);
  const wanted = Math.ceil(exact);
  const isNear = wanted >= shards * (1 - TOLERANCE) && wanted <= shards * (1 + TOLERANCE);
  if (isNear || (wanted < shards && delaySeconds > DELAY_SECONDS_MAX)) return { shards, exact };
  return { shards: Math.min(facts.max, Math.max(facts.min, wanted)), exact };
}
