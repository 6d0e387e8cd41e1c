const MARKER = '…';
const MARKER_BYTES = 3;

/** At most `max` characters, the last of them an ellipsis where some are left out (upstream notify.TruncateInRunes). */
export function truncateCharacters(text: string, max: number): string {
  if (text.length <= max) return text;
  const characters = [...text];
  if (characters.length <= max) return text;
  return max <= 3 ? characters.slice(0, max).join('') : characters.slice(0, max - 1).join('') + MARKER;
}

/** At most `max` bytes of UTF-8, no character cut in two (upstream notify.TruncateInBytes). */
export function truncateBytes(text: string, max: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= max) return text;
  if (max <= MARKER_BYTES) return max === MARKER_BYTES ? MARKER : '.'.repeat(max);
  let end = max - MARKER_BYTES;
  while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end) + MARKER;
}
