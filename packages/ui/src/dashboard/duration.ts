const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['y', 31_536_000_000],
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];
const PART = /(\d+(?:\.\d+)?)(ms|[ywdhms])/g;
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|[ywdhms]))+$/;

/** Reads `1h30m`, `15s`, `500ms` as milliseconds; undefined where the text is no duration. A bare number is seconds. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d+(?:\.\d+)?$/.test(trimmed)) return Number(trimmed) * 1000;
  if (!WHOLE.test(trimmed)) return undefined;
  let total = 0;
  for (const [, count, unit] of trimmed.matchAll(PART)) {
    total += Number(count) * (UNITS.find(([name]) => name === unit)?.[1] ?? 0);
  }
  return total;
}

/** Prints milliseconds exactly, as PromQL writes a duration: `1h30m`, `15s`. */
export function formatDuration(ms: number): string {
  let rest = Math.round(Math.abs(ms));
  let out = '';
  for (const [unit, unitMs] of UNITS) {
    if ((unit === 'y' || unit === 'w' || unit === 'd') && rest % unitMs !== 0) continue;
    const count = Math.floor(rest / unitMs);
    if (count === 0) continue;
    out += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return out === '' ? '0s' : ms < 0 ? `-${out}` : out;
}

/** About how long, in at most two units, as a person would say it: `3 h 12 min`, `41 days`, `4 s`. */
export function spokenDuration(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (Math.abs(ms) < 1000) return `${Math.round(Math.abs(ms))} ms`;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 && minutes < 10 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  if (days < 3) return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
  return `${days} days`;
}

/** `4 s ago`, `in 2 h`; the caller shows the exact time on hover. */
export function spokenAgo(ms: number, nowMs: number): string {
  const delta = nowMs - ms;
  if (Math.abs(delta) < 1000) return 'now';
  return delta > 0 ? `${spokenDuration(delta)} ago` : `in ${spokenDuration(-delta)}`;
}
