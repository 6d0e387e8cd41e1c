const UNITS_MS = {
  y: 31_536_000_000,
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
} as const;
const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/**
 * Parses a Prometheus duration (`1h30m`, `15s`, `0`) into milliseconds.
 * @throws Error with upstream's wording (prometheus/common model.ParseDuration)
 */
export function parseDuration(text: string): number {
  if (text === '') throw new Error('empty duration string');
  if (text === '0') return 0;
  const match = DURATION.exec(text);
  if (!match) throw new Error(`not a valid duration string: ${JSON.stringify(text)}`);
  let total = 0;
  Object.values(UNITS_MS).forEach((unitMs, i) => {
    total += Number(match[i + 1] ?? 0) * unitMs;
  });
  if (total > 9_223_372_036_854) throw new Error('duration out of range');
  return total;
}

/** Prints milliseconds as Prometheus does: `1h30m`, `1w`, `0s`. Years, weeks and days only where they fit exactly. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  let rest = Math.abs(ms);
  let out = ms < 0 ? '-' : '';
  for (const [unit, unitMs] of Object.entries(UNITS_MS)) {
    const exactOnly = unit === 'y' || unit === 'w' || unit === 'd';
    if (exactOnly && rest % unitMs !== 0) continue;
    const count = Math.floor(rest / unitMs);
    if (count > 0) {
      out += `${count}${unit}`;
      rest -= count * unitMs;
    }
  }
  return out;
}
