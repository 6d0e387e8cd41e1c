const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration in Go's own notation, which knows fractions but no days, in milliseconds. @throws Error in Go's words */
export function parseGoDuration(text: string): number {
  const [, sign, body] = /^([-+]?)(.*)$/s.exec(text) ?? ['', '', ''];
  if (body === '0') return 0;
  const quoted = JSON.stringify(text);
  if (body === '') throw new Error(`time: invalid duration ${quoted}`);
  let total = 0;
  for (let rest = body; rest !== ''; ) {
    const [part, amount, unit] = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest) ?? [];
    if (part === undefined) throw new Error(`time: invalid duration ${quoted}`);
    if (unit === '') throw new Error(`time: missing unit in duration ${quoted}`);
    if (!Object.hasOwn(UNIT_MS, unit))
      throw new Error(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`);
    total += Number(amount) * UNIT_MS[unit];
    rest = rest.slice(part.length);
  }
  return sign === '-' ? -total : total;
}

/** Milliseconds as Go prints a time.Duration: `1m30s`, `500ms`. */
export function formatGoDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  if (milliseconds < 1000) return `${milliseconds}ms`;
  const seconds = milliseconds / 1000;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = `${Number((seconds % 60).toFixed(3))}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
