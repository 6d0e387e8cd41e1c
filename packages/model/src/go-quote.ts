/**
 * String literals of PromQL and of templates are Go's: single and double quotes with escapes, back quotes without. Escapes may name bytes
 * that are no UTF-8; such a byte 0xNN is kept as the lone surrogate U+DCNN (as Python's surrogateescape does), which no
 * valid text contains, so that it can be recognised and printed as it was.
 */

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  "'": 39,
  '"': 34,
};
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Unquotes a literal with its quotes. @throws Error where the quotes do not match or an escape is invalid. */
export function unquote(literal: string): string {
  const quote = literal[0];
  if (literal.length < 2 || literal[literal.length - 1] !== quote) throw new Error('unterminated quoted string');
  const body = literal.slice(1, -1);
  if (quote === '`') return body;
  if (body.includes('\n')) throw new Error('unterminated quoted string');
  return body.includes('\\') ? decodeEscapes(body, quote) : body;
}

function decodeEscapes(body: string, quote: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < body.length; ) {
    if (body[i] !== '\\') {
      const char = String.fromCodePoint(body.codePointAt(i) as number);
      bytes.push(...Buffer.from(char));
      i += char.length;
      continue;
    }
    i = decodeEscape(body, i + 1, quote, bytes);
  }
  return decodeUtf8(Uint8Array.from(bytes));
}

/** Decodes the escape whose letter stands at `i`; returns where it ends. */
function decodeEscape(body: string, i: number, quote: string, bytes: number[]): number {
  const letter = body[i] ?? '';
  const simple = SIMPLE_ESCAPES[letter];
  const isOtherQuote = (letter === '"' || letter === "'") && letter !== quote;
  if (simple !== undefined && !isOtherQuote) {
    bytes.push(simple);
    return i + 1;
  }
  const hexDigits = { x: 2, u: 4, U: 8 }[letter];
  if (hexDigits !== undefined) {
    const hex = body.slice(i + 1, i + 1 + hexDigits);
    if (hex.length < hexDigits || !/^[0-9a-fA-F]+$/.test(hex)) throw new Error(`invalid escape sequence \\${letter}`);
    const code = Number.parseInt(hex, 16);
    if (letter === 'x') bytes.push(code);
    else if (code > 0x10ffff) throw new Error('escape sequence is an invalid Unicode code point');
    else bytes.push(...Buffer.from(String.fromCodePoint(code)));
    return i + 1 + hexDigits;
  }
  const octal = /^[0-3][0-7]{2}/.exec(body.slice(i, i + 3));
  if (!octal) throw new Error(`unknown escape sequence ${unicodeName(letter)}`);
  bytes.push(Number.parseInt(octal[0], 8));
  return i + 3;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    let out = '';
    for (let i = 0; i < bytes.length; ) {
      const length = validSequenceLength(bytes, i);
      out +=
        length > 0 ? Buffer.from(bytes.subarray(i, i + length)).toString() : String.fromCharCode(0xdc00 + bytes[i]);
      i += Math.max(1, length);
    }
    return out;
  }
}

function validSequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at];
  const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  const text = Buffer.from(bytes.subarray(at, at + length)).toString();
  return length > 0 && !text.includes('\ufffd') ? length : 0;
}

/** What Go prints as it is: letters, marks, numbers, punctuation, symbols and the blank. */
const PRINTABLE = /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;
const PLAIN = /^[ !#-[\]-~]*$/;
const LETTER_OF_ESCAPE: ReadonlyMap<number, string> = new Map(
  Object.entries(SIMPLE_ESCAPES)
    .filter(([letter]) => letter !== "'" && letter !== '"')
    .map(([letter, code]) => [code, letter]),
);

/** Prints a string between double quotes as Go's `%q` does. */
export function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : quoteWith('"', text);
}

/** Prints a character between single quotes as Go's `%q` does; no character at all is what Go says of the end. */
export function quoteRune(char: string): string {
  return quoteWith("'", char === '' || LONE_SURROGATE.test(char) ? '\ufffd' : char);
}

function quoteWith(mark: string, text: string): string {
  let out = mark;
  for (const char of text) out += char === mark ? `\\${mark}` : escaped(char);
  return out + mark;
}

function escaped(char: string): string {
  const code = char.codePointAt(0) as number;
  const letter = LETTER_OF_ESCAPE.get(code);
  if (letter !== undefined) return `\\${letter}`;
  if (code >= 0xdc00 && code < 0xdd00) return `\\x${hex(code - 0xdc00, 2)}`;
  if (code >= 0xd800 && code < 0xe000) return '\ufffd';
  if (PRINTABLE.test(char)) return char;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** A character as Go's `%#U` names it: `U+0078 'x'`. */
export function unicodeName(char: string): string {
  const code = hex(char.codePointAt(0) ?? 0, 4).toUpperCase();
  return PRINTABLE.test(char) ? `U+${code} '${char}'` : `U+${code}`;
}

/** The text as JSON can have it: bytes that are no UTF-8 become U+FFFD. */
export function wellFormed(text: string): string {
  return LONE_SURROGATE.test(text) ? text.replaceAll(new RegExp(LONE_SURROGATE, 'g'), '\ufffd') : text;
}

/** UTF-8 label names: anything that is valid text and not empty. */
export function isValidLabelName(name: string): boolean {
  return name !== '' && !LONE_SURROGATE.test(name);
}
