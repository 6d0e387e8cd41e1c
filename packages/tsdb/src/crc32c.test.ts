import { expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';

/** The definition, a bit at a time. */
function naive(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? 0x82f63b78 ^ (crc >>> 1) : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

test('the check value of the catalogue of CRCs', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});

test('every length and offset, whole and in pieces', () => {
  const bytes = Uint8Array.from({ length: 200 }, (_, i) => (i * 37 + 11) & 0xff);
  for (let start = 0; start < 20; start++) {
    for (let end = start; end < bytes.length; end += 3) {
      const expected = naive(bytes.subarray(start, end));
      expect(crc32c(bytes, start, end)).toBe(expected);
      expect(crc32c(bytes.subarray(start, end))).toBe(expected);
      const middle = (start + end) >> 1;
      expect(crc32c(bytes, middle, end, crc32c(bytes, start, middle))).toBe(expected);
    }
  }
});
