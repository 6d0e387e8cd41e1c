/** A part of the configuration as text: equal parts are equal as text, and of an expression counts how it is written. */
export function fingerprintOf(part: unknown): string {
  return JSON.stringify(part, patternOfRegex);
}

function patternOfRegex(_key: string, value: unknown): unknown {
  const isRegex = typeof value === 'object' && value !== null && 'pattern' in value && 'accepts' in value;
  return isRegex ? value.pattern : value;
}
