import type { Labels } from '@avalanche/model';

const encoder = new TextEncoder();
const SEPARATOR = 0xff;

/**
 * The fingerprint of a label set as 16 hexadecimal digits: FNV-1a of 64 bits over names and values, each followed by
 * the byte 0xff (prometheus/common model.LabelSet.Fingerprint). Clients key alerts by it, so the bits must be the same.
 */
export function fingerprint(labels: Labels): string {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  const add = (byte: number): void => {
    low = (low ^ byte) >>> 0;
    // times 2^40 + 0x1b3, in two halves of 32 bits; the products stay below 2^53
    const product = low * 0x1b3;
    high = (high * 0x1b3 + Math.floor(product / 0x1_0000_0000) + ((low << 8) >>> 0)) % 0x1_0000_0000;
    low = product % 0x1_0000_0000;
  };
  for (const part of labels.pairs) {
    for (const byte of encoder.encode(part)) add(byte);
    add(SEPARATOR);
  }
  return hex(high) + hex(low);
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
