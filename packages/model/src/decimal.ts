import { formatValue } from './number.ts';

/**
 * Numbers as ASCII digits in a byte buffer, as a large query result needs them: no string a number. The digits are those
 * of `formatValue`, the shortest that read back as the same number.
 *
 * A fraction v in [1e-6, 2^53) is scaled to p + e = v · 10^k with about 17 digits before the point. 10^k is exact, and a
 * product of two doubles is the sum of two doubles (Dekker), so the scaled value is exact, and so is half the distance to
 * its neighbours. The shortest digits are then the multiple of 100, else of 10, else of 1 next to it that is still nearer
 * to v than to a neighbour. What is too close to call is left to the language.
 */

/** The most bytes that `writeValue` takes. */
export const VALUE_BYTES_MAX = 32;

const POWERS = Float64Array.from({ length: 23 }, (_, k) => Number(`1e${k}`));
const SPLIT = 2 ** 27 + 1;
const POWERS_HIGH = POWERS.map((power) => SPLIT * power - (SPLIT * power - power));
const POWERS_LOW = POWERS.map((power, k) => power - POWERS_HIGH[k]);
/** Below this a number needs an exponent. */
const SMALLEST = 1e-6;
const LEAST_EXPONENT = -20;
/** Half the distance of a number with binary exponent e to the next: 2^(e-53), at e - LEAST_EXPONENT. */
const HALF_ULP = Float64Array.from({ length: 74 }, (_, i) => 2 ** (i + LEAST_EXPONENT - 53));
/** Scaled by 10^k the values that are decided here are below 128: so near to a border the last bits could mislead. */
const TOO_CLOSE = 1e-6;

/** The digits of 0000 … 9999, the first in the highest byte. */
const FOUR_DIGITS = Uint32Array.from({ length: 10_000 }, (_, n) =>
  Buffer.from(String(n).padStart(4, '0')).readUInt32BE(),
);

const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);

/** Writes a sample value as `formatValue` prints it, and returns where it ends. Needs VALUE_BYTES_MAX bytes of room. */
export function writeValue(view: DataView, at: number, value: number): number {
  const size = Math.abs(value);
  if (!(size >= SMALLEST && size < 2 ** 53)) {
    if (value === 0 && 1 / value > 0) {
      view.setUint8(at, 48);
      return at + 1;
    }
    return writeText(view, at, formatValue(value));
  }
  let start = at;
  if (value < 0) view.setUint8(start++, 45);
  if (Math.floor(size) === size) return writeInteger(view, start, size);
  // Up to three decimals and fifteen digits there is but one decimal that reads back as v, and this is it.
  const thousandths = Math.round(size * 1000);
  if (size < 1e12 && thousandths / 1000 === size) return writeThousandths(view, start, thousandths);
  double[0] = size;
  const end = writeFraction(view, start);
  return end > 0 ? end : writeText(view, at, formatValue(value));
}

/** Writes a whole number 0 ≤ n < 2^53 in decimal and returns where it ends. */
export function writeInteger(view: DataView, at: number, n: number): number {
  if (n < 1e8) return writeShort(view, at, n | 0);
  const high = Math.floor(n / 1e8);
  const end = high < 1e8 ? writeShort(view, at, high | 0) : writeInteger(view, at, high);
  writeEight(view, end, (n - high * 1e8) | 0);
  return end + 8;
}

/** Writes 0 ≤ n < 10^8 without leading zeros. */
function writeShort(view: DataView, at: number, n: number): number {
  if (n >= 10_000) {
    const high = (n / 10_000) | 0;
    const end = writeShort(view, at, high);
    view.setUint32(end, FOUR_DIGITS[n - high * 10_000]);
    return end + 4;
  }
  const digits = n < 100 ? (n < 10 ? 1 : 2) : n < 1000 ? 3 : 4;
  // The digits stand at the left, what follows them is written over.
  view.setUint32(at, FOUR_DIGITS[n] << (32 - 8 * digits));
  return at + digits;
}

/** Writes n as exactly eight digits. */
function writeEight(view: DataView, at: number, n: number): void {
  const high = (n / 10_000) | 0;
  view.setUint32(at, FOUR_DIGITS[high]);
  view.setUint32(at + 4, FOUR_DIGITS[n - high * 10_000]);
}

/**
 * Writes `double[0]`, no whole number, in [SMALLEST, 2^52); returns where it ends, or -1 where the digits are too close to
 * call. One function without arguments that are fractions: V8 makes an object of each in a call that it does not inline.
 */
function writeFraction(view: DataView, at: number): number {
  const v = double[0];
  const exponent = (halves[1] >>> 20) - 1023;
  let magnitude = Math.floor(exponent * 0.30103);
  if (v >= (magnitude >= -1 ? POWERS[magnitude + 1] : 1 / POWERS[-magnitude - 1])) magnitude++;
  const k = Math.min(16 - magnitude, 22);

  // p + error = v · 10^k, exactly.
  const power = POWERS[k];
  const p = v * power;
  const vHigh = SPLIT * v - (SPLIT * v - v);
  const vLow = v - vHigh;
  const error = vHigh * POWERS_HIGH[k] - p + vHigh * POWERS_LOW[k] + vLow * POWERS_HIGH[k] + vLow * POWERS_LOW[k];
  // How far the digits may be off above and below; where the mantissa is 0, the neighbour below is half as far.
  const above = HALF_ULP[exponent - LEAST_EXPONENT] * power;
  const below = halves[0] === 0 && (halves[1] & 0xfffff) === 0 ? above / 2 : above;

  let high = Math.floor(p * 1e-8);
  let low = (p - high * 1e8) | 0;
  const hundreds = low - (low % 100);
  const x = low - hundreds + error;
  let nearest = x < 50 ? 0 : 100;
  let reach = nearest > x ? above - (nearest - x) : below - (x - nearest);
  let unit = 100;
  if (reach < -TOO_CLOSE) {
    unit = 10;
    nearest = Math.floor(x * 0.1 + 0.5) * 10;
    reach = nearest > x ? above - (nearest - x) : below - (x - nearest);
    if (reach < -TOO_CLOSE) {
      unit = 1;
      nearest = Math.floor(x + 0.5);
      reach = below - Math.abs(nearest - x);
    }
  }
  if (reach < TOO_CLOSE || Math.abs(nearest - x) > unit * 0.5 - TOO_CLOSE) return -1;
  low = (hundreds + nearest) | 0;
  if (low < 0) {
    high--;
    low += 1e8;
  } else if (low >= 1e8) {
    high++;
    low -= 1e8;
  }
  return writePointed(view, at, high | 0, low, k);
}

/** Writes (high · 10^8 + low) / 10^k, of 17 digits, without trailing zeros. */
function writePointed(view: DataView, at: number, high: number, low: number, k: number): number {
  const wholeDigits = 17 - k;
  let start = at + 1;
  if (wholeDigits <= 0) {
    view.setUint8(at, 48);
    start++;
    for (let i = wholeDigits; i < 0; i++) view.setUint8(start++, 48);
  }
  writeNine(view, start, high);
  writeEight(view, start + 9, low);
  for (let i = 0; i < wholeDigits; i++) view.setUint8(at + i, view.getUint8(start + i));
  view.setUint8(wholeDigits > 0 ? at + wholeDigits : at + 1, 46);
  return withoutZeros(view, start + 17);
}

function withoutZeros(view: DataView, end: number): number {
  let last = end;
  while (view.getUint8(last - 1) === 48) last--;
  return last;
}

/** Writes n / 1000 without trailing zeros; n is no multiple of 1000. */
function writeThousandths(view: DataView, at: number, n: number): number {
  const whole = Math.floor(n / 1000);
  const end = writeInteger(view, at, whole);
  const rest = n - whole * 1000;
  view.setUint8(end, 46);
  view.setUint32(end + 1, FOUR_DIGITS[rest] << 8);
  return withoutZeros(view, end + 4);
}

function writeNine(view: DataView, at: number, n: number): void {
  const first = (n / 1e8) | 0;
  view.setUint8(at, 48 + first);
  writeEight(view, at + 1, n - first * 1e8);
}

function writeText(view: DataView, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) view.setUint8(at + i, text.charCodeAt(i));
  return at + text.length;
}
