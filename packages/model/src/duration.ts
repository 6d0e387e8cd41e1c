const UNITS_MS = {
  y: 31_536_000_000,
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
} as const;
const UNITS = Object.entries(UNITS_MS);
const LONGEST_MS = 9_223_372_036_854;

/**
 * Parses a Prometheus duration (`1h30m`, `15s`, `0`) into milliseconds.
 * @throws Error with upstream's wording (prometheus/common model.ParseDuration)
 */
export function parseDuration(text: string): number {
  if (text === '') throw new Error('empty duration string');
  if (text === '0') return 0;
  const invalid = (): Error => new Error(`not a valid duration string: ${JSON.stringify(text)}`);
  if (!/^(?:\d+\D+)+$/.test(text)) throw invalid();
  let total = 0;
  let before = -1;
  for (const [, count, unit] of text.matchAll(/(\d+)(\D+)/g)) {
    const at = UNITS.findIndex(([name]) => name === unit);
    if (at < 0) throw new Error(`unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    if (at <= before) throw invalid();
    before = at;
    total += Number(count) * UNITS[at][1];
    if (total > LONGEST_MS) throw new Error('duration out of range');
  }
  return total;
}

/** Prints milliseconds as Prometheus does: `1h30m`, `1w`, `0s`. Years and weeks only where they fit exactly. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  let rest = Math.abs(ms);
  let out = ms < 0 ? '-' : '';
  for (const [unit, unitMs] of UNITS) {
    const exactOnly = unit === 'y' || unit === 'w';
    if (exactOnly && rest % unitMs !== 0) continue;
    const count = Math.floor(rest / unitMs);
    if (count > 0) {
      out += `${count}${unit}`;
      rest -= count * unitMs;
    }
  }
  return out;
}
