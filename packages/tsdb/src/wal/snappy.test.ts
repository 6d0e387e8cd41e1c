import { describe, expect, test } from 'vitest';
import { randomNumbers } from '../../../../tests/support/random-numbers.ts';
import { snappyBytesMax, snappyCompress, snappyDecompress, snappyLength, snappyRoom } from './snappy.ts';

function compress(bytes: Uint8Array): Uint8Array {
  const into = new Uint8Array(snappyBytesMax(bytes.length));
  return into.slice(0, snappyCompress(bytes, 0, bytes.length, into));
}

function decompress(bytes: Uint8Array): Uint8Array {
  const into = new Uint8Array(snappyRoom(snappyLength(bytes, 0, bytes.length)));
  return into.slice(0, snappyDecompress(bytes, 0, bytes.length, into));
}

describe('compressed and decompressed', () => {
  const random = randomNumbers(7);
  test.each([
    ['nothing', new Uint8Array(0)],
    ['one byte', Uint8Array.of(5)],
    ['zeros', new Uint8Array(100_000)],
    ['noise', Uint8Array.from({ length: 200_000 }, () => random() * 256)],
    ['text', Buffer.from('up{job="node"} 1\n'.repeat(9000))],
    ['few letters', Uint8Array.from({ length: 150_000 }, () => random() * 3)],
    ['matches of all lengths', Uint8Array.from({ length: 70_000 }, (_, i) => (i % 211 < i / 400 ? 7 : random() * 256))],
  ])('%s', (_, bytes) => {
    const block = compress(bytes);
    expect(block.length).toBeLessThanOrEqual(snappyBytesMax(bytes.length));
    expect(Buffer.compare(decompress(block), bytes)).toBe(0);
  });
});

test('compresses what repeats', () => {
  expect(compress(new Uint8Array(11_000)).length).toBeLessThan(600);
});

test('a block made by hand: all forms of copies', () => {
  const block = [14, 3 << 2, 1, 2, 3, 4, (0 << 5) | (0 << 2) | 1, 4, (2 << 2) | 2, 1, 0, (2 << 2) | 3, 2, 0, 0, 0];
  expect([...decompress(Uint8Array.from(block))]).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4]);
});

test.each([
  ['a copy from before the start', [4, 0, 1, (0 << 2) | 1, 9]],
  ['a copy from nowhere', [5, 0, 1, (0 << 2) | 1, 0]],
  ['more than it says', [1, 2 << 2, 1, 2, 3]],
  ['less than it says', [9, 2 << 2, 1, 2, 3]],
  ['a literal that is cut short', [9, 8 << 2, 1, 2]],
  ['a length without end', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
])('%s is refused', (_, block) => {
  expect(() => decompress(Uint8Array.from(block))).toThrow(RangeError);
});

test('flipped bytes never write outside, hang, or throw anything else', () => {
  const random = randomNumbers(11);
  const block = compress(Buffer.from('http_requests_total{code="200"} 1027\n'.repeat(60)));
  for (let round = 0; round < 3000; round++) {
    const damaged = block.slice();
    damaged[Math.floor(random() * damaged.length)] ^= 1 << Math.floor(random() * 8);
    const length = snappyLength(damaged, 0, damaged.length);
    if (length > 100_000) continue;
    const room = snappyRoom(length);
    const into = new Uint8Array(room + 8).fill(0xaa);
    try {
      snappyDecompress(damaged, 0, damaged.length, into.subarray(0, room));
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
    }
    expect([...into.subarray(room)]).toEqual(new Array(8).fill(0xaa));
  }
});
