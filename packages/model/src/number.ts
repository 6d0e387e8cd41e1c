/**
 * Prints a sample value as the HTTP API and the text formats do: `NaN`, `+Inf`, `-Inf`, else the shortest decimal, below
 * 1e-6 and from 1e21 on with an exponent of at least two digits, as Go has it.
 */
export function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  if (Object.is(value, -0)) return '-0';
  const text = String(value);
  const lastDigit = text.length - 1;
  return text.charCodeAt(lastDigit - 2) === LETTER_E ? `${text.slice(0, lastDigit)}0${text[lastDigit]}` : text;
}

const LETTER_E = 0x65;

/** Go's `%g`: the shortest decimal that is exact; with an exponent below 1e-4 and from 1e6 on. */
export function formatG(value: number): string {
  const size = Math.abs(value);
  if (size < 1e6 && Number.isInteger(value)) return Object.is(value, -0) ? '-0' : String(value);
  if (Number.isNaN(value)) return 'NaN';
  if (size === Number.POSITIVE_INFINITY) return value > 0 ? '+Inf' : '-Inf';
  if (size >= 1e-4 && size < 1e6) return String(value);
  const [mantissa, exponent] = value.toExponential().split('e');
  const digits = exponent.slice(1);
  return `${mantissa}e${exponent[0]}${digits.length < 2 ? `0${digits}` : digits}`;
}
