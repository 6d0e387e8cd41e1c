import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { SequenceRecord } from './parser.ts';
import { filterRead } from './quality.ts';
import { DEFAULT_INPUT_LIMITS, type InputLimits, readSequences } from './read.ts';

const MIB = 1024 * 1024;

/** Reads `input` in pieces of `pieceBytes`. */
async function read(input: string | Buffer, limits: Partial<InputLimits> = {}, pieceBytes = 7) {
  const bytes = Buffer.from(input);
  const records: SequenceRecord[] = [];
  const pieces = function* () {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  };
  const summary = await readSequences(Readable.from(pieces()), (record) => records.push(record), {
    limits: { ...DEFAULT_INPUT_LIMITS, ...limits },
  });
  return { records, summary };
}

test.each([1, 2, 3, 7, 1000])('FASTA and FASTQ in pieces of %i bytes', async (pieceBytes) => {
  const fasta = await read('>a one\r\nacgu-\r\nNNRY\r\n\r\n>b\nAC.GT', {}, pieceBytes);
  expect(fasta.records).toEqual([
    { header: 'a one', sequence: 'ACGTNNRY', qualities: undefined },
    { header: 'b', sequence: 'ACGT', qualities: undefined },
  ]);
  const fastq = await read('@r1 x\nACGT\n+\n!I~@\n@r2\nAC\n+r2\n@@\n', {}, pieceBytes);
  expect(fastq.records).toEqual([
    { header: 'r1 x', sequence: 'ACGT', qualities: Uint8Array.from([0, 40, 93, 31]) },
    { header: 'r2', sequence: 'AC', qualities: Uint8Array.from([31, 31]) },
  ]);
});

test('gzip is told by its first bytes, also of several members', async () => {
  const members = Buffer.concat([gzipSync('>a\nACGT\n'), gzipSync('>b\nACGT\n')]);
  expect((await read(members)).records.map(({ header }) => header)).toEqual(['a', 'b']);
});

test.each([
  ['', 'no_sequences', /no sequence/],
  ['\n\n', 'not_sequences', /first byte/],
  ['sample,reads\n', 'not_sequences', /first byte/],
  ['>a\n>b\nAC\n', 'malformed_sequences', /line 2: record 1 has no sequence/],
  ['>a\nAC\nA7C\n', 'malformed_sequences', /line 3: byte 55/],
  ['@a\nACGT\n+\nII\n', 'malformed_sequences', /line 4: 2 qualities for 4 bases/],
  ['@a\nACGT\nIIII\n', 'malformed_sequences', /line 3: .*\+/],
  ['@a\nACGT\n+\n', 'malformed_sequences', /ends within a record/],
  ['@a\nAC\n+\nI\u0001\n', 'malformed_sequences', /byte 1 is not a quality/],
])('%j is refused as %s', async (input, code, message) => {
  await expect(read(input)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test('binary rubbish and a cut-off gzip are refused', async () => {
  const rubbish = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 197 + 13) & 255));
  await expect(read(rubbish)).rejects.toMatchObject({ code: 'not_sequences' });
  const cut = gzipSync(`>a\n${'ACGT'.repeat(1000)}\n`).subarray(0, 30);
  await expect(read(cut)).rejects.toMatchObject({ code: 'bad_gzip' });
  await expect(read(Buffer.concat([Buffer.from([0x1f, 0x8b]), rubbish]))).rejects.toMatchObject({ code: 'bad_gzip' });
});

test('limits: line, sequence, records, bytes, each by its name', async () => {
  await expect(read(`>a\n${'A'.repeat(300)}`, { lineBytesMax: 200 })).rejects.toMatchObject({ code: 'line_too_long' });
  const wrapped = `>a\n${'ACGT\n'.repeat(60)}`;
  await expect(read(wrapped, { sequenceBasesMax: 200 })).rejects.toMatchObject({ code: 'line_too_long' });
  await expect(read('>a\nA\n>b\nA\n', { recordsMax: 1 })).rejects.toMatchObject({ code: 'too_many_records' });
  await expect(read(wrapped, { inputBytesMax: 100 })).rejects.toMatchObject({ code: 'too_large' });
});

test('a line of 100 MB is refused after the first megabyte, whether it comes plain or as a gzip bomb', async () => {
  let produced = 0;
  const endless = async function* () {
    yield Buffer.from('>a\n');
    for (; produced < 100 * MIB; produced += 64 * 1024) yield Buffer.alloc(64 * 1024, 'A');
  };
  await expect(readSequences(endless(), () => {})).rejects.toMatchObject({ code: 'line_too_long' });
  expect(produced).toBeLessThan(2 * MIB);
  const bomb = gzipSync(Buffer.concat([Buffer.from('>a\n'), Buffer.alloc(20 * MIB, 'A')]));
  await expect(read(bomb)).rejects.toMatchObject({ code: 'line_too_long' });
});

test('a gzip bomb of well-formed records is refused by its ratio, and by its size', async () => {
  const bomb = gzipSync(`>a\n${'A'.repeat(200)}\n`.repeat(100_000));
  await expect(read(bomb, {}, 4096)).rejects.toMatchObject({ code: 'gzip_bomb', message: /100-fold/ });
  const inflatedBytesMax = MIB;
  await expect(read(bomb, { inflatedBytesMax }, 4096)).rejects.toMatchObject({
    code: 'gzip_bomb',
    message: /more than/,
  });
});

test.each([
  ['kept whole', 'ACGTAC', [40, 40, 40, 40, 40, 40], 'ACGTAC'],
  ['cut before a quality of 2', 'ACGTAC', [40, 40, 40, 40, 2, 40], 'ACGT'],
  ['too short after the cut', 'ACGTAC', [40, 40, 2, 40, 40, 40], undefined],
  ['too many expected errors', 'ACGTAC', [3, 3, 3, 3, 3, 3], undefined],
  ['ambiguous', 'ACNTAC', [40, 40, 40, 40, 40, 40], undefined],
])('quality filter: %s', (_, sequence, scores, kept) => {
  const options = { truncateAtQuality: 2, expectedErrorsMax: 2, lengthMin: 4 };
  expect(filterRead({ header: '', sequence, qualities: Uint8Array.from(scores) }, options)).toBe(kept);
});
