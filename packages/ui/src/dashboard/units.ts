import { spokenAgo } from './duration.ts';
import { shortDateTime } from './time-range.ts';

/** A value as a person writes it: the number and what stands around it, so that a stat can set them in two sizes. */
export interface FormattedValue {
  readonly prefix: string;
  readonly number: string;
  readonly suffix: string;
}

export interface FormatContext {
  /** Digits after the point; undefined chooses about three significant digits. */
  readonly decimals?: number | undefined;
  readonly utc?: boolean | undefined;
  /** For units that are relative to now. */
  readonly nowMs?: number | undefined;
}

type Format = (value: number, context: FormatContext) => FormattedValue;

const SI = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z'];
const IEC = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi'];
const SMALL = ['', 'm', 'µ', 'n', 'p'];

/** A number with about three significant digits and no idle zeros, or with exactly `decimals`. */
function formatNumber(value: number, decimals?: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  if (decimals !== undefined) return unsigned(value.toFixed(Math.max(0, Math.min(20, decimals))));
  if (Number.isInteger(value)) return Math.abs(value) < 1e15 ? String(value) : value.toExponential(2);
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -6) return value.toExponential(1);
  return unsigned(String(Number(value.toFixed(Math.max(0, Math.min(8, 2 - magnitude))))));
}

const unsigned = (text: string): string => (/^-0(?:\.0*)?$/.test(text) ? text.slice(1) : text);

function plain(suffix: string, factor = 1, prefix = ''): Format {
  return (value, { decimals }) => ({ prefix, number: formatNumber(value * factor, decimals), suffix });
}

/** Scales by powers of `base`; `offset` is the power that the value already comes in. */
function scaled(symbol: string, { base = 1000, offset = 0, small = false, prefix = '' } = {}): Format {
  const names = base === 1024 ? IEC : SI;
  return (value, { decimals }) => {
    let power = 0;
    let rest = value;
    if (offset > 0 && rest !== 0) rest *= base ** offset;
    while (Math.abs(rest) >= base * 0.9995 && power < names.length - 1) {
      rest /= base;
      power++;
    }
    if (small && power === 0 && rest !== 0) {
      let down = 0;
      while (Math.abs(rest) < 1 && down < SMALL.length - 1) {
        rest *= 1000;
        down++;
      }
      return { prefix, number: formatNumber(rest, decimals), suffix: `${SMALL[down]}${symbol}` };
    }
    return { prefix, number: formatNumber(rest, decimals), suffix: `${names[power]}${symbol}` };
  };
}

const TIME_STEPS: readonly (readonly [seconds: number, name: string])[] = [
  [31_536_000, 'years'],
  [604_800, 'weeks'],
  [86_400, 'days'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'µs'],
  [1e-9, 'ns'],
];

function time(secondsPerUnit: number): Format {
  return (value, { decimals }) => {
    const seconds = value * secondsPerUnit;
    if (seconds === 0 || !Number.isFinite(seconds)) return { prefix: '', number: formatNumber(seconds), suffix: 's' };
    const step = TIME_STEPS.find(([size]) => Math.abs(seconds) >= size * 0.9995) ?? TIME_STEPS[8]!;
    return { prefix: '', number: formatNumber(seconds / step[0], decimals), suffix: step[1] };
  };
}

function wordy(secondsPerUnit: number, parts: number): Format {
  return (value) => {
    let rest = Math.round(Math.abs(value * secondsPerUnit));
    if (!Number.isFinite(rest)) return { prefix: '', number: formatNumber(value), suffix: '' };
    const words: string[] = [];
    for (const [size, name] of TIME_STEPS.slice(0, 6)) {
      const count = Math.floor(rest / size);
      if (count === 0) continue;
      words.push(`${count} ${count === 1 ? name.replace(/s$/, name === 's' ? 's' : '') : name}`);
      rest -= count * size;
      if (words.length === parts) break;
    }
    return { prefix: value < 0 ? '-' : '', number: words.length > 0 ? words.join(' ') : '0 s', suffix: '' };
  };
}

const two = (n: number): string => String(n).padStart(2, '0');

function clock(secondsPerUnit: number, withDays: boolean): Format {
  return (value) => {
    const total = Math.round(Math.abs(value * secondsPerUnit));
    const days = withDays ? Math.floor(total / 86_400) : 0;
    const hours = Math.floor((total - days * 86_400) / 3600);
    const body = `${two(hours)}:${two(Math.floor((total % 3600) / 60))}:${two(total % 60)}`;
    return { prefix: value < 0 ? '-' : '', number: days > 0 ? `${days} d ${body}` : body, suffix: '' };
  };
}

function words(yes: string, no: string): Format {
  return (value) => ({ prefix: '', number: value === 0 ? no : yes, suffix: '' });
}

const whole = (number: string): FormattedValue => ({ prefix: '', number, suffix: '' });
const date: Format = (value, { utc }) => whole(Number.isFinite(value) ? shortDateTime(value, utc) : '');
const fromNow: Format = (value, { nowMs }) => whole(spokenAgo(value, nowMs ?? value));

const FORMATS: Readonly<Record<string, Format>> = {
  none: plain(''),
  string: plain(''),
  short: scaled(''),
  sishort: scaled('', { small: true }),
  locale: (value, { decimals }) =>
    whole(
      decimals === undefined
        ? value.toLocaleString('en')
        : value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals }),
    ),
  percent: plain('%'),
  percentunit: plain('%', 100),
  bytes: scaled('B', { base: 1024 }),
  kbytes: scaled('B', { base: 1024, offset: 1 }),
  mbytes: scaled('B', { base: 1024, offset: 2 }),
  gbytes: scaled('B', { base: 1024, offset: 3 }),
  tbytes: scaled('B', { base: 1024, offset: 4 }),
  decbytes: scaled('B'),
  deckbytes: scaled('B', { offset: 1 }),
  decmbytes: scaled('B', { offset: 2 }),
  decgbytes: scaled('B', { offset: 3 }),
  dectbytes: scaled('B', { offset: 4 }),
  bits: scaled('b', { base: 1024 }),
  decbits: scaled('b'),
  Bps: scaled('B/s'),
  KBs: scaled('B/s', { offset: 1 }),
  MBs: scaled('B/s', { offset: 2 }),
  GBs: scaled('B/s', { offset: 3 }),
  binBps: scaled('B/s', { base: 1024 }),
  KiBs: scaled('B/s', { base: 1024, offset: 1 }),
  MiBs: scaled('B/s', { base: 1024, offset: 2 }),
  GiBs: scaled('B/s', { base: 1024, offset: 3 }),
  bps: scaled('b/s'),
  Kbits: scaled('b/s', { offset: 1 }),
  Mbits: scaled('b/s', { offset: 2 }),
  Gbits: scaled('b/s', { offset: 3 }),
  binbps: scaled('b/s', { base: 1024 }),
  pps: scaled('p/s'),
  ops: scaled('ops/s'),
  reqps: scaled('req/s'),
  rps: scaled('reads/s'),
  wps: scaled('writes/s'),
  iops: scaled('io/s'),
  eps: scaled('events/s'),
  cps: scaled('/s'),
  mps: scaled('msg/s'),
  recps: scaled('records/s'),
  rowsps: scaled('rows/s'),
  opm: scaled('ops/min'),
  rpm: scaled('reads/min'),
  wpm: scaled('writes/min'),
  cpm: scaled('/min'),
  epm: scaled('events/min'),
  hertz: scaled('Hz'),
  rothz: scaled('Hz'),
  rotrpm: plain('rpm'),
  watt: scaled('W', { small: true }),
  volt: scaled('V', { small: true }),
  amp: scaled('A', { small: true }),
  mamp: plain('mA'),
  joule: scaled('J', { small: true }),
  celsius: plain('°C'),
  fahrenheit: plain('°F'),
  kelvin: plain('K'),
  humidity: plain('%H'),
  dB: plain('dB'),
  dBm: plain('dBm'),
  s: time(1),
  ms: time(1e-3),
  µs: time(1e-6),
  ns: time(1e-9),
  m: time(60),
  h: time(3600),
  d: time(86_400),
  dtdurations: wordy(1, 2),
  dtdurationms: wordy(1e-3, 2),
  dtdhms: clock(1, true),
  clocks: clock(1, false),
  clockms: clock(1e-3, false),
  timeticks: time(0.01),
  bool: words('True', 'False'),
  bool_yes_no: words('Yes', 'No'),
  bool_on_off: words('On', 'Off'),
  dateTimeAsIso: date,
  dateTimeAsUS: date,
  dateTimeAsSystem: date,
  dateTimeAsLocal: date,
  dateTimeFromNow: fromNow,
  currencyUSD: scaled('', { prefix: '$' }),
  currencyEUR: scaled('', { prefix: '€' }),
  currencyGBP: scaled('', { prefix: '£' }),
};

/** Grafana's rule for an id outside its table: a known prefix says the form, anything else is drawn after the number. */
function openFormat(id: string): Format {
  const colon = id.indexOf(':');
  const rest = id.slice(colon + 1);
  switch (colon < 0 ? '' : id.slice(0, colon)) {
    case 'prefix':
      return plain('', 1, rest);
    case 'suffix':
      return plain(rest);
    case 'time':
      return date;
    case 'si':
      return scaled(rest.replace(/^[munpkMGT](?=.)/, ''), { small: true });
    case 'count':
      return scaled(rest);
    case 'currency':
      return scaled('', { prefix: rest });
    case 'bool': {
      const [yes = 'True', no = 'False'] = rest.split('/');
      return words(yes, no);
    }
    default:
      return plain(id);
  }
}

/** Formats `value` in Grafana's unit `unit` (an id of its table, or free text). Empty is Grafana's `none`. */
export function formatUnit(value: number, unit: string, context: FormatContext = {}): FormattedValue {
  if (!Number.isFinite(value)) return { prefix: '', number: formatNumber(value), suffix: '' };
  const format = unit === '' ? FORMATS.none! : (FORMATS[unit] ?? openFormat(unit));
  return format(value, context);
}

/** The same as one string, with a thin gap before the unit: `1.3 GiB`, `97.4 %`, `$12 k`. */
export function formatText(value: number, unit: string, context: FormatContext = {}): string {
  return joinFormatted(formatUnit(value, unit, context));
}

export function joinFormatted({ prefix, number, suffix }: FormattedValue): string {
  return suffix === '' ? `${prefix}${number}` : `${prefix}${number}\u202f${suffix}`;
}

/** Whether ticks on an axis of this unit fall on powers of two. */
export function isBinaryUnit(unit: string): boolean {
  return /^(?:[kmgt]?bytes|bits|binBps|binbps|[KMG]iBs)$/.test(unit);
}
