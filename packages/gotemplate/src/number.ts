import { unquote } from '@avalanche/model';

const INT_MAX = 2n ** 63n - 1n;
const UINT_MAX = 2n ** 64n - 1n;
/** A blank between digits or after a base, as Go allows `_`. */
const UNDERSCORES = /^[+-]?(?:0[xXoObB]_?)?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*$/;
const DECIMAL_FLOAT = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const HEX_FLOAT = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?[0-9]+)$/;

/**
 * The value of a number or character constant: what Go calls an int is a bigint, a float64 is a number.
 * @throws Error in Go's words
 */
export function parseNumber(text: string): bigint | number {
  if (text.startsWith("'")) return runeOf(text);
  const whole = integerOf(text);
  if (whole !== null) {
    if (whole >= -INT_MAX - 1n && whole <= INT_MAX) return whole;
    if (whole > 0n && whole <= UINT_MAX) throw new Error(`${text} overflows int`);
  }
  if (!/[.eEpP]/.test(text) || /^[+-]?0[xX][^pP.]*$/.test(text)) {
    if (whole !== null || DECIMAL_FLOAT.test(text)) throw new Error(`integer overflow: ${JSON.stringify(text)}`);
    throw new Error(`illegal number syntax: ${JSON.stringify(text)}`);
  }
  const value = floatOf(text.replaceAll('_', ''));
  if (value === null) throw new Error(`illegal number syntax: ${JSON.stringify(text)}`);
  return value;
}

function integerOf(text: string): bigint | null {
  if (!UNDERSCORES.test(text)) return null;
  const [, sign, digits] = /^([+-]?)(.*)$/s.exec(text.replaceAll('_', '')) as unknown as [string, string, string];
  const value = magnitudeOf(digits);
  return value !== null && sign === '-' ? -value : value;
}

/** Go's base 0: a leading 0 alone says octal. */
function magnitudeOf(digits: string): bigint | null {
  try {
    return BigInt(/^0[0-9]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  } catch {
    return null;
  }
}

function floatOf(text: string): number | null {
  if (DECIMAL_FLOAT.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : null;
  }
  const [, sign, whole, fraction, power] = HEX_FLOAT.exec(text) ?? [];
  if (power === undefined || whole + fraction === '') return null;
  const value = Number.parseInt(whole + fraction, 16) * 2 ** (Number(power) - 4 * fraction.length);
  return sign === '-' ? -value : value;
}

function runeOf(text: string): bigint {
  let value: string;
  try {
    if (text === "'''" || text === "''") throw new Error('no character');
    value = unquote(text);
  } catch (error) {
    throw new Error('invalid syntax', { cause: error });
  }
  if ([...value].length !== 1) throw new Error(`malformed character constant: ${text}`);
  return BigInt(value.codePointAt(0) as number);
}
