import { formatG, formatValue } from '@avalanche/model';

/** Go's `FormatFloat(value, 'f', -1, 64)`: the shortest decimal, never with an exponent. */
export function formatPlain(value: number): string {
  const text = formatValue(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const [, sign, lead, fraction = '', exponent] = match;
  const digits = lead + fraction;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits + '0'.repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** A float as OpenMetrics writes label values: `1.0`, `0.25`. */
export function formatOpenMetrics(value: number): string {
  const text = formatG(value === 0 ? 0 : value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
