/**
 * Orders strings as Prometheus does: by their UTF-8 bytes, which is by code point. JavaScript's `<` compares UTF-16
 * units and so puts characters beyond U+FFFF before U+E000 … U+FFFF; only then do the two orders differ.
 */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      if (x >= 0xd800 && y >= 0xd800) return rankUtf16(x) - rankUtf16(y);
      return x - y;
    }
  }
  return a.length - b.length;
}

/** Moves the surrogates above the rest of the basic plane, which makes UTF-16 units sort by code point. */
function rankUtf16(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
