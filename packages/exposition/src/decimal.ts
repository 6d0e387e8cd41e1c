/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const DIGITS_MAX = 15;

/**
 * Reads a decimal number from bytes without making a string of it: `next` tries, `value` and `end` say what stood
 * there. Up to 15 digits and a power of ten up to 22 make two doubles that are exact, so that the one multiplication
 * or division rounds correctly; everything else (more digits, infinities, nonsense) is left to the caller.
 */
export class DecimalReader {
  value = 0;
  /** The index after the number. */
  end = 0;

  /** Whether a number that can be read exactly stands at `start`; it must be followed by a blank or the line's end. */
  next(bytes: Uint8Array, start: number, limit: number): boolean {
    let at = start;
    let c = at < limit ? bytes[at] : NEWLINE;
    const negative = c === MINUS;
    if (negative || c === PLUS) c = ++at < limit ? bytes[at] : NEWLINE;
    let mantissa = 0;
    const whole = at;
    while (c >= ZERO && c <= NINE) {
      mantissa = mantissa * 10 + (c - ZERO);
      c = ++at < limit ? bytes[at] : NEWLINE;
    }
    let digits = at - whole;
    let exponent = 0;
    if (c === POINT) {
      const fraction = at + 1;
      c = ++at < limit ? bytes[at] : NEWLINE;
      while (c >= ZERO && c <= NINE) {
        mantissa = mantissa * 10 + (c - ZERO);
        c = ++at < limit ? bytes[at] : NEWLINE;
      }
      digits += at - fraction;
      exponent = fraction - at;
    }
    if (digits === 0 || digits > DIGITS_MAX) return false;
    if (c === LOWER_E || c === UPPER_E) {
      const sign = at + 1 < limit ? bytes[at + 1] : NEWLINE;
      if (sign === MINUS || sign === PLUS) at++;
      const first = at + 1;
      let power = 0;
      c = ++at < limit ? bytes[at] : NEWLINE;
      while (c >= ZERO && c <= NINE && at - first < 4) {
        power = power * 10 + (c - ZERO);
        c = ++at < limit ? bytes[at] : NEWLINE;
      }
      if (at === first) return false;
      exponent += sign === MINUS ? -power : power;
    }
    if (c !== NEWLINE && c !== SPACE && c !== TAB) return false;
    if (exponent < -22 || exponent > 22) return false;
    if (exponent < 0) mantissa /= POWERS[-exponent];
    else if (exponent > 0) mantissa *= POWERS[exponent];
    this.value = negative ? -mantissa : mantissa;
    this.end = at;
    return true;
  }
}

/** A number as Go's ParseFloat reads it, but for hexadecimal ones; undefined for what is none, or out of range. */
export function parseNumber(text: string): number | undefined {
  if (!DECIMAL.test(text)) return SPECIAL.get(text.toLowerCase());
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** Why upstream does not read `text`, which is `quoted` in the answer, as a number, in Go's words; null where it does. */
export function numberProblem(text: string, quoted: string): string | null {
  if (/[pP_]/.test(text)) return 'unsupported character in float';
  if (parseNumber(text) !== undefined) return null;
  const reason = DECIMAL.test(text) ? 'value out of range' : 'invalid syntax';
  return `strconv.ParseFloat: parsing ${quoted}: ${reason}`;
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const SPECIAL = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['+infinity', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
]);
const TAB = 9;
const NEWLINE = 10;
const SPACE = 32;
const PLUS = 43;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;
const UPPER_E = 69;
const LOWER_E = 101;
