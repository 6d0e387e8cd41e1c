/** Prints a sample value as the HTTP API and the text formats do: `NaN`, `+Inf`, `-Inf`, else the shortest decimal. */
export function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  if (Object.is(value, -0)) return '-0';
  return String(value);
}

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
