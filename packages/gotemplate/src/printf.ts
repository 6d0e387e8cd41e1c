import { formatG, quote, quoteRune } from '@avalanche/model';
import { printArgument, printPart } from './print.ts';
import { bytesOf, GoStruct, givenText, isNil, isPlainObject, typeName } from './values.ts';

/** As in Go: a wider field is refused, not filled. */
const WIDTH_MAX = 1_000_000;

const DIRECTIVE = /%([-+# 0]*)(?:\[(\d+)\])?(\*|\d+)?(?:\.(?:\[(\d+)\])?(\*|\d+)?)?(?:\[(\d+)\])?([\s\S]|$)/gu;

interface Format {
  readonly minus: boolean;
  readonly plus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly precision: number | undefined;
}

/** Go's fmt.Sprintf for strings, ints, floats, booleans, and whatever `%v` prints. Total: never throws. */
export function sprintf(format: string, args: readonly unknown[]): string {
  const arguments_ = new Arguments(args);
  const text = format.replace(
    DIRECTIVE,
    (_all, flags: string, widthAt, width, precisionAt, precision, valueAt, verb: string, offset: number) => {
      const hasPoint = /^%[-+# 0]*(?:\[\d+\])?(?:\*|\d+)?\./.test(format.slice(offset));
      return directive(arguments_, flags, [widthAt, width], [precisionAt, precision], valueAt, verb, hasPoint);
    },
  );
  return text + arguments_.extra();
}

/** Arguments taken in order, or by `[n]`. */
class Arguments {
  private next = 0;
  private reordered = false;

  constructor(private readonly args: readonly unknown[]) {}

  /** @returns false where there is no such argument */
  seek(oneBased: string | undefined): boolean {
    if (oneBased === undefined) return true;
    this.reordered = true;
    const index = Number(oneBased) - 1;
    if (index < 0 || index >= this.args.length) return false;
    this.next = index;
    return true;
  }

  get left(): boolean {
    return this.next < this.args.length;
  }

  take(): unknown {
    return this.args[this.next++];
  }

  extra(): string {
    if (this.reordered || !this.left) return '';
    const rest = this.args.slice(this.next).map(named);
    return `%!(EXTRA ${rest.join(', ')})`;
  }
}

function named(value: unknown): string {
  return isNil(value) ? '<nil>' : `${typeName(value)}=${printArgument(value)}`;
}

type Number_ = readonly [at: string | undefined, text: string | undefined];

function directive(
  args: Arguments,
  flags: string,
  [widthAt, width]: Number_,
  [precisionAt, precision]: Number_,
  valueAt: string | undefined,
  verb: string,
  hasPoint: boolean,
): string {
  let wrong = '';
  let minus = flags.includes('-');
  const numberOf = (at: string | undefined, text: string | undefined, bad: string): number | undefined => {
    if (text !== '*') {
      const fits = args.seek(text === undefined ? at : undefined);
      if (!fits) badIndex = true;
      return text === undefined ? undefined : Number(text);
    }
    if (!args.seek(at)) badIndex = true;
    const value = args.left ? args.take() : undefined;
    const number = typeof value === 'bigint' ? Number(value) : Number.NaN;
    if (Math.abs(number) <= WIDTH_MAX) return number;
    wrong += bad;
    return undefined;
  };
  let badIndex = false;
  let wide = numberOf(widthAt, width, '%!(BADWIDTH)') ?? 0;
  if (wide < 0) {
    minus = true;
    wide = -wide;
  }
  let precise = numberOf(precisionAt, precision, '%!(BADPREC)');
  if (precise !== undefined && precise < 0) precise = undefined;
  if (precise === undefined && hasPoint && precision === undefined) precise = 0;
  if (!args.seek(valueAt)) badIndex = true;
  if (verb === '') return `${wrong}%!(NOVERB)`;
  if (verb === '%') return `${wrong}%`;
  if (badIndex) return `${wrong}%!${verb}(BADINDEX)`;
  if (!args.left) return `${wrong}%!${verb}(MISSING)`;
  if (wide > WIDTH_MAX) return `${wrong}%!(NOVERB)`;
  if ((precise ?? 0) > WIDTH_MAX) return `${wrong}%!(NOVERB)`;
  const has = (flag: string) => flags.includes(flag);
  const zero = has('0') && !minus;
  const format = { minus, plus: has('+'), sharp: has('#'), space: has(' '), zero, width: wide, precision: precise };
  return wrong + formatValue(verb, format, args.take());
}

function formatValue(verb: string, format: Format, value: unknown): string {
  if (verb === 'T') return pad(typeName(value), format);
  if (isNil(value)) return verb === 'v' ? pad('<nil>', format) : `%!${verb}(<nil>)`;
  if (typeof value === 'boolean') {
    return verb === 'v' || verb === 't' ? pad(String(value), format) : bad(verb, format, value);
  }
  if (typeof value === 'bigint') return formatInt(verb, format, value) ?? bad(verb, format, value);
  if (typeof value === 'number') return formatFloat(verb, format, value) ?? bad(verb, format, value);
  const text = textOf(value);
  if (text !== null) return formatText(verb, format, text) ?? bad(verb, format, value);
  if (Array.isArray(value)) return `[${value.map((item) => formatValue(verb, format, item)).join(' ')}]`;
  if (value instanceof Map || isPlainObject(value)) return formatMap(verb, format, value);
  if (value instanceof GoStruct) {
    return `${value.typeName.startsWith('*') ? '&' : ''}{${Object.values(value.fields)
      .map((item) => formatValue(verb, format, item))
      .join(' ')}}`;
  }
  return verb === 'v' ? pad(printPart(value), format) : bad(verb, format, value);
}

/** A string, or what has a String() method. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (value instanceof GoStruct) return value.toString() ?? null;
  const given = givenText(value);
  if (given !== undefined) return given;
  const plain = Array.isArray(value) || value instanceof Map || isPlainObject(value) || typeof value === 'function';
  return plain ? null : String(value);
}

function formatMap(verb: string, format: Format, map: object): string {
  const entries = map instanceof Map ? [...map] : Object.entries(map);
  const shown = entries
    .filter(([, item]) => typeof item !== 'function')
    .map(([key, item]) => [String(key), item] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${formatValue(verb, format, key)}:${formatValue(verb, format, item)}`);
  return `map[${shown.join(' ')}]`;
}

/** The value all the same, by the flags that were given. */
function bad(verb: string, format: Format, value: unknown): string {
  return `%!${verb}(${typeName(value)}=${formatValue('v', { ...format, sharp: false }, value)})`;
}

function formatText(verb: string, format: Format, value: string): string | null {
  const cut = format.precision === undefined ? value : [...value].slice(0, format.precision).join('');
  switch (verb) {
    case 'v':
      return pad(format.sharp ? quote(cut) : cut, format);
    case 's':
      return pad(cut, format);
    case 'q':
      return pad(format.sharp && !/[`\n]/.test(cut) ? `\`${cut}\`` : quote(cut), format);
    case 'x':
    case 'X':
      return pad(hexBytes(bytesOf(value), format, verb), format);
    default:
      return null;
  }
}

function hexBytes(bytes: Buffer, { precision, space, sharp }: Format, verb: string): string {
  const shown = precision === undefined ? bytes : bytes.subarray(0, precision);
  const pairs = [...shown].map((byte) => byte.toString(16).padStart(2, '0'));
  const prefix = sharp ? '0x' : '';
  const text = space ? pairs.map((pair) => prefix + pair).join(' ') : (pairs.length > 0 ? prefix : '') + pairs.join('');
  return verb === 'X' ? text.toUpperCase() : text;
}

const BASES: Readonly<Record<string, readonly [radix: number, prefix: string]>> = {
  v: [10, ''],
  d: [10, ''],
  b: [2, '0b'],
  o: [8, '0'],
  O: [8, '0o'],
  x: [16, '0x'],
  X: [16, '0X'],
};

function formatInt(verb: string, format: Format, value: bigint): string | null {
  const inRange = value >= 0n && value <= 0x10ffffn;
  const char = inRange ? String.fromCodePoint(Number(value)) : '\ufffd';
  if (verb === 'c') return pad(char, format);
  if (verb === 'q') return pad(quoteRune(char), format);
  if (verb === 'U') {
    const code = `U+${value
      .toString(16)
      .toUpperCase()
      .padStart(Math.max(4, format.precision ?? 0), '0')}`;
    return pad(format.sharp ? `${code} '${char}'` : code, format);
  }
  if (!Object.hasOwn(BASES, verb)) return null;
  const [radix, prefix] = BASES[verb];
  const size = value < 0n ? -value : value;
  let digits = size.toString(radix);
  if (verb === 'X') digits = digits.toUpperCase();
  if (format.precision !== undefined) digits = digits.padStart(format.precision, '0');
  if (format.precision === 0 && size === 0n) digits = '';
  const sign = value < 0n ? '-' : format.plus ? '+' : format.space ? ' ' : '';
  const shown = (format.sharp && verb !== 'v' && verb !== 'd') || verb === 'O' ? prefix : '';
  const filled = format.zero && format.precision === undefined;
  if (filled) digits = digits.padStart(format.width - sign.length, '0');
  return pad(sign + shown + digits, { ...format, zero: false });
}

function formatFloat(verb: string, format: Format, value: number): string | null {
  const text = floatText(verb, format, Math.abs(value));
  if (text === null) return null;
  const negative = value < 0 || Object.is(value, -0);
  const infinite = !Number.isFinite(value);
  const plus = format.plus || (infinite && !Number.isNaN(value));
  const sign = negative ? '-' : Number.isNaN(value) && !format.plus ? '' : plus ? '+' : format.space ? ' ' : '';
  const body = format.zero && !infinite ? text.padStart(format.width - sign.length, '0') : text;
  return pad(sign + body, { ...format, zero: false });
}

/** The digits of a number that is not negative; null where the verb is none for floats. */
function floatText(verb: string, { precision }: Format, value: number): string | null {
  if (!'vgGeEfFxXb'.includes(verb)) return null;
  if (Number.isNaN(value)) return 'NaN';
  if (value === Number.POSITIVE_INFINITY) return 'Inf';
  switch (verb) {
    case 'f':
    case 'F':
      return fixed(value, precision ?? 6);
    case 'e':
      return goExponent(exponential(value, Math.min(DIGITS_MAX, precision ?? 6)));
    case 'E':
      return goExponent(exponential(value, Math.min(DIGITS_MAX, precision ?? 6))).toUpperCase();
    case 'G':
      return general(value, precision).toUpperCase();
    case 'x':
    case 'X':
      return verb === 'x' ? hexFloat(value) : hexFloat(value).toUpperCase();
    case 'b':
      return null;
    default:
      return general(value, precision);
  }
}

/** Digits behind the wanted ones by which a tie is told: an exact half is one 5. */
const TIE_DIGITS = 40;
const DIGITS_MAX = 100;

/** What lies exactly between two decimals goes to the even one, as in Go; JavaScript goes up. */
function towardsEven(rounded: string, longer: string, kept: number): string {
  const [head, tail] = [longer.slice(0, kept), longer.slice(kept).replace(/^\./, '')];
  return /^50*$/.test(tail) && /[02468]\.?$/.test(head) ? head.replace(/\.$/, '') : rounded;
}

function fixedDigits(value: number, digits: number): string {
  const text = value.toFixed(digits);
  const longer = value.toFixed(Math.min(DIGITS_MAX, digits + TIE_DIGITS));
  return towardsEven(text, longer, longer.indexOf('.') + (digits === 0 ? 0 : 1 + digits));
}

function exponential(value: number, digits: number): string {
  const text = value.toExponential(digits);
  const [mantissa, power] = value.toExponential(Math.min(DIGITS_MAX, digits + TIE_DIGITS)).split('e');
  const even = towardsEven('', mantissa, digits === 0 ? 1 : 2 + digits);
  return even === '' ? text : `${even}e${power}`;
}

/** `toFixed` writes what is larger than 1e21 with an exponent, and no more than 100 digits. */
function fixed(value: number, precision: number): string {
  const digits = Math.min(DIGITS_MAX, precision);
  const text =
    value < 1e21 ? fixedDigits(value, digits) : `${BigInt(value)}${digits > 0 ? `.${'0'.repeat(digits)}` : ''}`;
  return text + '0'.repeat(precision - digits);
}

/** Go's `%g` of a number that is not negative. */
function general(value: number, precision: number | undefined): string {
  if (precision === undefined) return formatG(value);
  if (value === 0) return '0';
  const wanted = Math.min(DIGITS_MAX, precision || 1);
  const [mantissa, power] = exponential(value, wanted - 1).split('e');
  const exponent = Number(power);
  const plain = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  if (exponent < -4 || exponent >= wanted) return goExponent(`${plain}e${power}`);
  const text = fixedDigits(value, Math.min(DIGITS_MAX, Math.max(0, wanted - 1 - exponent)));
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function goExponent(text: string): string {
  const [mantissa, exponent] = text.split('e');
  return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

function hexFloat(value: number): string {
  if (value === 0) return '0x0p+00';
  let exponent = Math.floor(Math.log2(value));
  if (2 ** exponent > value) exponent--;
  const digits = (value / 2 ** exponent).toString(16).replace(/^1/, '1');
  return `0x${digits}p${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function pad(text: string, { minus, zero, width }: Format): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  return minus ? text + ' '.repeat(missing) : (zero ? '0' : ' ').repeat(missing) + text;
}
