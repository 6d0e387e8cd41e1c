import { Labels } from '@avalanche/model';
import { writeUtf8 } from './utf8.ts';

const SEPARATOR = 0xff;
const OFFSET_HIGH = 0xcbf29ce4;
const OFFSET_LOW = 0x84222325;
/** The prime is 2^40 + 0x1b3. */
const PRIME = 0x1b3;

let bytes = Buffer.alloc(1024);

/** The two halves of the hash so far. */
const hash = { high: 0, low: 0 };

/**
 * The fingerprint of a label set as 16 hexadecimal digits: FNV-1a of 64 bits over names and values, each followed by
 * the byte 0xff (prometheus/common model.LabelSet.Fingerprint). Clients key alerts by it, so the bits must be the same.
 */
export function fingerprint(labels: Labels): string {
  begin();
  for (const part of labels.pairs) add(part);
  return end();
}

/** As `fingerprint`, of names and their values; an empty value is no label. Fastest where the names are in order. */
export function fingerprintOfMap(labels: Readonly<Record<string, string>>): string {
  let last = '';
  begin();
  for (const name in labels) {
    // also where they were put there in order: names that are whole numbers come first, by their value
    if (name < last) return fingerprint(Labels.from(labels));
    last = name;
    if (labels[name] === '') continue;
    add(name);
    add(labels[name]);
  }
  return end();
}

function begin(): void {
  hash.high = OFFSET_HIGH;
  hash.low = OFFSET_LOW;
}

function add(part: string): void {
  if (3 * part.length >= bytes.length) bytes = Buffer.alloc(6 * part.length);
  const last = writeUtf8(bytes, part, 0);
  bytes[last] = SEPARATOR;
  let { high, low } = hash;
  for (let i = 0; i <= last; i++) {
    low ^= bytes[i];
    // times the prime, in pieces of 16 bits so that every product fits into 32
    const first = Math.imul(low & 0xffff, PRIME);
    const second = Math.imul(low >>> 16, PRIME) + (first >>> 16);
    high = (Math.imul(high, PRIME) + (low << 8) + (second >>> 16)) | 0;
    low = (second << 16) | (first & 0xffff);
  }
  hash.high = high;
  hash.low = low;
}

function end(): string {
  return hex(hash.high) + hex(hash.low);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
