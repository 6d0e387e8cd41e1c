import { ProtoError, ProtoReader, ProtoWriter } from '@avalanche/model';
import { expect, test } from 'vitest';
import { compressSnappy, decompressSnappy } from './snappy.ts';

const hex = (writer: ProtoWriter) => Buffer.from(writer.written).toString('hex');

test('fields are encoded as protobuf does', () => {
  const writer = new ProtoWriter(1);
  writer.int64(1, 150);
  writer.int64(1, -1);
  writer.sint64(2, -2);
  writer.double(3, 1.5);
  writer.string(4, 'testing');
  writer.uint64s(5, [3, 270, 86942]);
  const start = writer.begin(6);
  writer.int64(1, 0);
  writer.end(start);
  expect(hex(writer)).toBe(
    [
      '089601',
      '08ffffffffffffffffff01',
      '1003',
      '19000000000000f83f',
      '220774657374696e67',
      '2a06038e029ea705',
      '3200',
    ].join(''),
  );
});

test('what is written is read', () => {
  const writer = new ProtoWriter();
  const text = 'é€😀'.repeat(100);
  const integers = [0, 1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 52, -1, -(2 ** 31), -(2 ** 52)];
  for (const value of integers) {
    const start = writer.begin(1);
    writer.int64(1, value);
    writer.sint64(2, value);
    writer.string(3, text);
    writer.end(start);
  }
  writer.bits64(2, 2, 0x7ff00000);
  writer.element(3, '');
  writer.doubles(4, [0, Number.NEGATIVE_INFINITY]);
  const reader = new ProtoReader(writer.written);
  for (const value of integers) {
    expect(reader.next() && reader.field).toBe(1);
    const outer = reader.enter();
    const read = [0, 0];
    while (reader.next()) {
      if (reader.field === 1) read[0] = reader.int64();
      else if (reader.field === 2) read[1] = reader.sint64();
      else expect(reader.string()).toBe(text);
    }
    reader.leave(outer);
    expect(read).toEqual([value, value]);
  }
  expect(reader.next()).toBe(true);
  reader.bits64();
  expect([reader.low, reader.high]).toEqual([2, 0x7ff00000]);
  expect(reader.next() && reader.string()).toBe('');
  const doubles: number[] = [];
  expect(reader.next()).toBe(true);
  reader.doubles(doubles);
  expect(doubles).toEqual([0, Number.NEGATIVE_INFINITY]);
  expect(reader.next()).toBe(false);
});

test('text that is not UTF-8 is told of', () => {
  const reader = new ProtoReader(Uint8Array.of(10, 1, 0xff));
  reader.next();
  expect(reader.string()).toBe('\ufffd');
  expect(reader.isIllFormed).toBe(true);
});

test.each([
  ['a varint cut short', [0x08, 0x80], 'unexpected EOF'],
  ['a varint of 70 bits', [0x08, ...new Array(10).fill(0xff), 1], 'integer overflow'],
  ['a length beyond the end', [0x0a, 5, 1], 'unexpected EOF'],
  ['field zero', [0x00, 0], 'illegal tag 0'],
  ['an end of no group', [0x0c], 'end group'],
  ['a group without end', [0x0b, 0x08, 1], 'unexpected EOF'],
  ['wire type 6', [0x0e], 'illegal wireType 6'],
])('%s is refused', (_, bytes, message) => {
  const reader = new ProtoReader(Uint8Array.from(bytes));
  const read = () => {
    while (reader.next()) reader.skip();
  };
  expect(read).toThrow(ProtoError);
  reader.leave(bytes.length);
  expect(() => {
    const again = new ProtoReader(Uint8Array.from(bytes));
    while (again.next()) again.skip();
  }).toThrow(message);
});

test('a group that nobody knows is skipped', () => {
  const reader = new ProtoReader(Uint8Array.of(0x0b, 0x13, 0x08, 1, 0x14, 0x0c, 0x10, 7));
  reader.next();
  reader.skip();
  expect(reader.next() && [reader.field, reader.int64()]).toEqual([2, 7]);
});

test('blocks are decompressed up to a size', () => {
  const bytes = Buffer.from('up{job="a"} 1\n'.repeat(1000));
  const block = compressSnappy(bytes);
  expect(Buffer.compare(decompressSnappy(block, bytes.length), bytes)).toBe(0);
  expect(() => decompressSnappy(block, bytes.length - 1)).toThrow('too large');
  expect(() => decompressSnappy(Uint8Array.of(0xff, 0xff, 0x7f, 0), 1 << 30)).toThrow('snappy: corrupt input');
});
