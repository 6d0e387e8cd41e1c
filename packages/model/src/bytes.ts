const UNITS = ' KMGTPE';
const SIZE = /^(\d+(?:\.\d+)?)\s*([KMGTPE]?)(i?B)?$/;

/** Parses a size as Prometheus does (`512MB`, `1.5GiB`, `100`): units are powers of 1024. @throws Error */
export function parseBytes(text: string): number {
  const match = SIZE.exec(text);
  if (!match) throw new Error(`not a size in bytes: ${JSON.stringify(text)}`);
  return Math.round(Number(match[1]) * 1024 ** UNITS.indexOf(match[2] || ' '));
}

/** A size for people: `1.5GiB`, `12KiB`, `0B`. */
export function formatBytes(bytes: number): string {
  const unit = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const size = bytes / 1024 ** unit;
  const digits = unit === 0 || size >= 100 ? 0 : 1;
  return `${Number(size.toFixed(digits))}${unit === 0 ? '' : `${UNITS[unit]}i`}B`;
}
