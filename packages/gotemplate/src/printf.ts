/** Prints a value as Go's `%v`: what `{{ . }}` writes. */
export function printValue(value: unknown): string {
  if (value === null || value === undefined) return '<no value>';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return printFloat(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(printValue).join(' ')}]`;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object') {
    const proto: unknown = Object.getPrototypeOf(value);
    if (proto !== Object.prototype && Object.hasOwn(proto ?? {}, 'toString')) return String(value);
    const entries = Object.entries(value).filter(([, item]) => typeof item !== 'function');
    return `map[${entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${key}:${printValue(item)}`)
      .join(' ')}]`;
  }
  return String(value);
}

/**
 * Go's `%v` of a float64: the shortest digits, with an exponent below 1e-4 and from 1e+06 on. Every number of a
 * template is taken for a float, which is what `$value` is; whole numbers that large are not met elsewhere.
 */
function printFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const exponent = Number(value.toExponential().split('e')[1]);
  if (exponent >= -4 && exponent < 6) return plainDecimal(value);
  return goExponent(value.toExponential());
}

/** JavaScript writes small numbers as 1e-7; plain digits instead. */
function plainDecimal(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(20).replace(/0+$/, '') : text;
}

function goExponent(text: string): string {
  const [mantissa, exponent] = text.split('e');
  const sign = exponent.startsWith('-') ? '-' : '+';
  return `${mantissa}e${sign}${exponent.replace(/^[+-]/, '').padStart(2, '0')}`;
}

/** As in Go: a wider field is refused, not filled. */
const WIDTH_MAX = 1_000_000;

const VERB = /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d+))?([a-zA-Z%])/g;

/** Go's fmt.Sprintf for the verbs that templates use: v s q d f e g x X t c U b o %. */
export function sprintf(format: string, args: readonly unknown[]): string {
  let next = 0;
  const take = () => args[next++];
  const text = format.replace(
    VERB,
    (_all, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      const wide = width === '*' ? Number(take()) : Number(width ?? 0);
      const precise = precision === '*' ? Number(take()) : precision === undefined ? undefined : Number(precision);
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const value = take();
      if (wide > WIDTH_MAX) return '%!(BADWIDTH)';
      if ((precise ?? 0) > WIDTH_MAX) return '%!(BADPREC)';
      return pad(formatVerb(verb, flags, precise, value), wide, flags);
    },
  );
  if (next >= args.length) return text;
  return `${text}%!(EXTRA ${args.slice(next).map(printValue).join(', ')})`;
}

function formatVerb(verb: string, flags: string, precision: number | undefined, value: unknown): string {
  switch (verb) {
    case 'v':
      return printValue(value);
    case 's':
      return precision === undefined ? printValue(value) : [...printValue(value)].slice(0, precision).join('');
    case 'q':
      return JSON.stringify(printValue(value));
    case 't':
      return String(value);
    case 'c':
      return String.fromCodePoint(Number(value));
    case 'U':
      return `U+${Number(value).toString(16).toUpperCase().padStart(4, '0')}`;
    case 'x':
    case 'X':
      return hex(value, verb === 'X');
    case 'd':
      return signed(BigInt(Math.trunc(Number(value))).toString(), flags);
    case 'b':
      return Math.trunc(Number(value)).toString(2);
    case 'o':
      return Math.trunc(Number(value)).toString(8);
    case 'f':
    case 'F':
      return signed(special(value) ?? Number(value).toFixed(precision ?? 6), flags);
    case 'e':
    case 'E':
      return signed(special(value) ?? goExponent(Number(value).toExponential(precision ?? 6)), flags);
    case 'g':
    case 'G':
      return signed(special(value) ?? general(Number(value), precision), flags);
    default:
      return `%!${verb}(${printValue(value)})`;
  }
}

function general(value: number, precision: number | undefined): string {
  if (precision === undefined || value === 0) return printFloat(value);
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent < -4 || exponent >= (precision || 1)) {
    const [mantissa, power] = value.toExponential(Math.max(0, precision - 1)).split('e');
    return goExponent(`${Number(mantissa)}e${power}`);
  }
  return String(Number(value.toPrecision(precision || 1)));
}

function special(value: unknown): string | null {
  const number = Number(value);
  return Number.isFinite(number) ? null : printFloat(number);
}

function signed(text: string, flags: string): string {
  return flags.includes('+') && !/^[+-]/.test(text) ? `+${text}` : text;
}

function hex(value: unknown, upper: boolean): string {
  const text =
    typeof value === 'number' ? Math.trunc(value).toString(16) : Buffer.from(printValue(value)).toString('hex');
  return upper ? text.toUpperCase() : text;
}

function pad(text: string, width: number, flags: string): string {
  if (flags.includes('-')) return text.padEnd(width);
  if (flags.includes('0') && /^[+-]?[\d.]/.test(text)) {
    const sign = /^[+-]/.test(text) ? text[0] : '';
    return sign + text.slice(sign.length).padStart(width - sign.length, '0');
  }
  return text.padStart(width);
}
