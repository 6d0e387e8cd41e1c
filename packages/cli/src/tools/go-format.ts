// Strings, durations and tables as Go prints them, which is what scripts around promtool read.

/** `2023-11-14 22:13:20 +0000 UTC`, as Go prints a time. */
export function formatGoTime(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** A size with every unit that is not zero, as promtool prints it: `1MiB12KiB3B`. */
export function formatBase2(bytes: number): string {
  let out = '';
  let rest = bytes;
  for (const unit of BINARY_UNITS) {
    if (rest % 1024 !== 0 || bytes === 0) out = `${rest % 1024}${unit}${out}`;
    rest = Math.floor(rest / 1024);
    if (rest === 0) break;
  }
  return out;
}

/** Columns at least 13 wide with two blanks between, the last as it is (Go's tabwriter as promtool sets it up). */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(13, ...rows.map((row) => row[column].length + 2)));
  return rows
    .map((row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]))).join('')}\n`)
    .join('');
}

/** As Go's encoder writes JSON: what HTML could take for its own is escaped. */
export function goJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
