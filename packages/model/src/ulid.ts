import { randomBytes } from 'node:crypto';

/** Crockford's base 32: no I, L, O and U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;
const TIME_MAX = 2 ** 48 - 1;

const last = { timeMs: -1, random: new Uint8Array(RANDOM_CHARACTERS) };

/** A new ULID: 48 bits of time, 80 random bits. Those of one millisecond ascend in the order they were made in. */
export function newUlid(timeMs: number): string {
  if (!Number.isInteger(timeMs) || timeMs < 0 || timeMs > TIME_MAX) throw new RangeError(`no ULID time: ${timeMs}`);
  if (timeMs !== last.timeMs || !increment(last.random)) drawRandom(last.random);
  last.timeMs = timeMs;
  let text = '';
  for (let i = TIME_CHARACTERS - 1, rest = timeMs; i >= 0; i--, rest = Math.floor(rest / 32)) {
    text = ALPHABET[rest % 32] + text;
  }
  for (const digit of last.random) text += ALPHABET[digit];
  return text;
}

export function isUlid(text: string): boolean {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text);
}

/** When a ULID was made, in milliseconds since the epoch. @throws RangeError where the text is none */
export function ulidTime(ulid: string): number {
  if (!isUlid(ulid)) throw new RangeError(`not a ULID: ${JSON.stringify(ulid)}`);
  let time = 0;
  for (let i = 0; i < TIME_CHARACTERS; i++) time = time * 32 + ALPHABET.indexOf(ulid[i]);
  return time;
}

/** Fills with digits of 5 bits; the first stays below half so that counting up does not run over. */
function drawRandom(digits: Uint8Array): void {
  digits.set(randomBytes(digits.length));
  for (let i = 0; i < digits.length; i++) digits[i] &= 31;
  digits[0] &= 15;
}

/** @returns false where all digits were at their end, which leaves zeros */
function increment(digits: Uint8Array): boolean {
  for (let i = digits.length - 1; i >= 0; i--) {
    digits[i] = (digits[i] + 1) % 32;
    if (digits[i] !== 0) return true;
  }
  return false;
}
