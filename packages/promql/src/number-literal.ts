import { parseDuration } from '@avalanche/model';

/** Go's integers with base prefixes; a leading 0 is octal; `_` may stand between digits. */
const INTEGER = /^(?:0[xX](?:_?[0-9a-fA-F])+|0(?:_?[0-7])+|0|[1-9](?:_?\d)*)$/;
/** No text of 64 bits is longer, not even in octal with an underscore between any two digits. */
const INTEGER_LENGTH_MAX = 64;
const DECIMAL = /^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** The value of a number token: decimal, hexadecimal, octal, `Inf` or `NaN`. @throws Error in Go's words */
export function numberValue(text: string): number {
  const lower = text.toLowerCase();
  if (lower === 'inf') return Number.POSITIVE_INFINITY;
  if (lower === 'nan') return Number.NaN;
  const integer = integerValue(text);
  if (integer !== null) return integer;
  if (!DECIMAL.test(text)) throw parseFloatError(text, 'invalid syntax');
  const value = Number(text);
  if (!Number.isFinite(value)) throw parseFloatError(text, 'value out of range');
  return value;
}

/** null where the text is no integer of 64 bits. */
function integerValue(text: string): number | null {
  if (text.length > INTEGER_LENGTH_MAX || !INTEGER.test(text)) return null;
  const digits = text.replaceAll('_', '');
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return value < 1n << 63n ? Number(value) : null;
}

function parseFloatError(text: string, reason: string): Error {
  return new Error(`error parsing number: strconv.ParseFloat: parsing "${text}": ${reason}`);
}

/** The seconds of a duration token such as `1h30m`. @throws Error in upstream's words */
export function durationSeconds(text: string): number {
  return parseDuration(text) / 1000;
}
