/**
 * The first moment at or after `now` of a beat whose offset within the interval comes from `key`, so that the load of
 * many beats spreads and a restart keeps the rhythm. Everything in milliseconds.
 */
export function firstSlot(key: string, intervalMs: number, now: number): number {
  const slot = Math.floor(now / intervalMs) * intervalMs + (hashText(key) % intervalMs);
  return slot < now ? slot + intervalMs : slot;
}

/**
 * The slot after `slot`, and how many were missed because the work took too long. A clock that was set back does not
 * make the beat wait until the time it had come to.
 */
export function nextSlot(slot: number, intervalMs: number, now: number): { readonly next: number; missed: number } {
  const missed = Math.max(0, Math.floor((now - slot) / intervalMs));
  const next = slot + (missed + 1) * intervalMs;
  const tooFar = Math.floor((next - now) / intervalMs) - 1;
  return { next: tooFar > 0 ? next - tooFar * intervalMs : next, missed };
}

/** FNV-1a. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
