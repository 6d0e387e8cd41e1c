const SI_UP = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const SI_DOWN = ['', 'm', 'u', 'n', 'p', 'f', 'a', 'z', 'y'];
const BINARY = ['', 'ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi'];

/** Go's `%.4g`. */
function fourDigits(value: number): string {
  if (value === 0) return '0';
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent < -4 || exponent >= 4) {
    const [mantissa, power] = value.toExponential(3).split('e');
    const sign = power.startsWith('-') ? '-' : '+';
    return `${Number(mantissa)}e${sign}${power.replace(/^[+-]/, '').padStart(2, '0')}`;
  }
  return String(Number(value.toPrecision(4)));
}

function special(value: number): string | null {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return null;
}

/** `1.234M`: metric prefixes, as the template function `humanize` of upstream prints. */
export function humanize(value: number): string {
  const text = special(value);
  if (text !== null) return text;
  let rest = value;
  let step = 0;
  if (rest === 0) return '0';
  if (Math.abs(rest) >= 1) {
    while (Math.abs(rest) >= 1000 && step < SI_UP.length - 1) {
      rest /= 1000;
      step++;
    }
    return `${fourDigits(rest)}${SI_UP[step]}`;
  }
  while (Math.abs(rest) < 1 && step < SI_DOWN.length - 1) {
    rest *= 1000;
    step++;
  }
  return `${fourDigits(rest)}${SI_DOWN[step]}`;
}

/** `1.5Gi`: binary prefixes (`humanize1024`). */
export function humanize1024(value: number): string {
  const text = special(value);
  if (text !== null) return text;
  let rest = value;
  let step = 0;
  if (Math.abs(rest) <= 1) return fourDigits(rest);
  while (Math.abs(rest) >= 1024 && step < BINARY.length - 1) {
    rest /= 1024;
    step++;
  }
  return `${fourDigits(rest)}${BINARY[step]}`;
}

/** `97.42%` of a ratio (`humanizePercentage`). */
export function humanizePercentage(value: number): string {
  return special(value) ?? `${fourDigits(value * 100)}%`;
}

/** `1d 2h 3m 4s` of seconds (`humanizeDuration`). */
export function humanizeDuration(value: number): string {
  const text = special(value);
  if (text !== null) return text;
  if (value === 0) return '0s';
  if (Math.abs(value) < 1) return `${humanize(value)}s`;
  const sign = value < 0 ? '-' : '';
  const total = Math.trunc(Math.abs(value));
  const seconds = total % 60;
  const minutes = Math.trunc(total / 60) % 60;
  const hours = Math.trunc(total / 3600) % 24;
  const days = Math.trunc(total / 86_400);
  if (days !== 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`;
  if (hours !== 0) return `${sign}${hours}h ${minutes}m ${seconds}s`;
  if (minutes !== 0) return `${sign}${minutes}m ${seconds}s`;
  return `${sign}${fourDigits(Math.abs(value))}s`;
}

/** A time stamp in seconds as UTC (`humanizeTimestamp`). */
export function humanizeTimestamp(value: number): string {
  return special(value) ?? new Date(value * 1000).toISOString().replace('T', ' ').replace('Z', ' +0000 UTC');
}
