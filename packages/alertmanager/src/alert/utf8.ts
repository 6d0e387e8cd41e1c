/** As `bytes.write(text, at)`, and faster for the short ASCII that most labels are. @returns the new end */
export function writeUtf8(bytes: Buffer, text: string, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return at + bytes.write(text, at, 'utf8');
    bytes[at + i] = code;
  }
  return at + text.length;
}
