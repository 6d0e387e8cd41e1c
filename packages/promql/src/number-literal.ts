import { parseDuration } from '@avalanche/model';

const DURATION = /^(?:\d+(?:ms|[ywdhms]))+$/;

/** Whether a number token is a duration such as `5m`. */
export function isDurationText(text: string): boolean {
  return DURATION.test(text);
}

/** The value of a number token: decimal, hexadecimal, `Inf`, `NaN`, or a duration in seconds. @throws Error */
export function numberValue(text: string): number {
  if (isDurationText(text)) return parseDuration(text) / 1000;
  const lower = text.toLowerCase();
  if (lower === 'inf') return Number.POSITIVE_INFINITY;
  if (lower === 'nan') return Number.NaN;
  const plain = text.replaceAll('_', '');
  if (/^0[0-7]+$/.test(plain)) return Number.parseInt(plain, 8);
  const value = Number(plain);
  if (Number.isNaN(value))
    throw new Error(`error parsing number: strconv.ParseFloat: parsing "${text}": invalid syntax`);
  return value;
}
