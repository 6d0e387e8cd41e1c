import { quote } from './go-quote.ts';

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
  const quoted = quote(text);
  if (body === '') throw new Error(`time: invalid duration ${quoted}`);
  let total = 0;
  for (let rest = body; rest !== ''; ) {
    const [part, amount, unit] = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest) ?? [];
    if (part === undefined) throw new Error(`time: invalid duration ${quoted}`);
    if (unit === '') throw new Error(`time: missing unit in duration ${quoted}`);
    if (!Object.hasOwn(UNIT_MS, unit)) throw new Error(`time: unknown unit ${quote(unit)} in duration ${quoted}`);
    total += Number(amount) * UNIT_MS[unit];
    rest = rest.slice(part.length);
  }
  return sign === '-' ? -total : total;
}

/** Go's time.Duration, of whole milliseconds: `2h0m0s`, `1.5s`, `1ms`. */
export function formatGoDuration(ms: number): string {
  if (ms === 0) return '0s';
  if (ms < 0) return `-${formatGoDuration(-ms)}`;
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const rest = ms % 60_000;
  const fraction =
    rest % 1000 === 0
      ? ''
      : `.${String(rest % 1000)
          .padStart(3, '0')
          .replace(/0+$/, '')}`;
  const seconds = `${Math.floor(rest / 1000)}${fraction}s`;
  if (minutes === 0) return seconds;
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}
