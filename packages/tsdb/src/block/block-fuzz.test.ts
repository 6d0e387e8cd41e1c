import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SampleColumns } from '@avalanche/model';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomNumbers } from '../../../../tests/support/random-numbers.ts';
import { Block } from './block.ts';
import { type FixtureSeries, writeFixture } from './block-fixture.ts';
import { BlockCorruption } from './corruption.ts';
import { InvalidMeta } from './meta.ts';
import { PageCache } from './page-cache.ts';
import { TombstonesBuilder } from './tombstones.ts';

const SEED = Number(process.env.FUZZ_SEED ?? 20_240_501);
const FLIPS = 4000;
const CUTS = 300;
const START_MS = 1_700_000_000_000;

/** One read that a block offers, its answer as text. */
type Question = (block: Block) => unknown;

let parent: string;
let directory: string;
const questions = new Map<string, Question>();
const wanted = new Map<string, string>();

beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'block-fuzz-'));
  const series: FixtureSeries[] = Array.from({ length: 12 }, (_, i) => ({
    labels: { __name__: `m${i % 3}`, instance: `host-${i}`, job: 'x'.repeat(i * 3) },
    samples: Array.from({ length: 40 }, (_, k) => [START_MS + k * 15_000, (i * k) / 7]),
  }));
  series.push({ labels: { __name__: 'long', text: 'y'.repeat(3000) }, samples: [[START_MS, 1]] });
  directory = join(parent, writeFixture(parent, series, { samplesPerChunk: 20, segmentBytes: 2500 }).ulid);
  const block = openBlock();
  const builder = new TombstonesBuilder();
  for (const ref of block.index.all()) builder.add(ref, START_MS + 15_000, START_MS + 30_000 + ref);
  block.setTombstones(builder.build());
  for (const [name, question] of questionsOf(block)) questions.set(name, question);
  for (const [name, question] of questions) wanted.set(name, JSON.stringify(question(block)));
  block.close();
});

afterAll(() => rmSync(parent, { recursive: true, force: true }));

test(`a flipped byte gives the right answer or an error (FUZZ_SEED=${SEED})`, () => {
  const random = randomNumbers(SEED);
  const files = filesOf(directory);
  let damaged = 0;
  for (let i = 0; i < FLIPS; i++) {
    const file = files[Math.floor(random() * files.length)];
    const offset = Math.floor(random() * file.bytes.length);
    const mask = i % 2 === 0 ? 1 << Math.floor(random() * 8) : 1 + Math.floor(random() * 255);
    const fd = openSync(file.path, 'r+');
    writeSync(fd, Uint8Array.of(file.bytes[offset] ^ mask), 0, 1, offset);
    damaged += ask(`byte ${offset} of ${file.path} ^ ${mask}`);
    writeSync(fd, file.bytes, offset, 1, offset);
    closeSync(fd);
  }
  expect(damaged).toBeGreaterThan(FLIPS / 2);
  expect(ask('as it was')).toBe(0);
});

test(`a file cut short or overwritten gives the right answer or an error (FUZZ_SEED=${SEED})`, () => {
  const random = randomNumbers(SEED + 1);
  const files = filesOf(directory);
  for (let i = 0; i < CUTS; i++) {
    const file = files[Math.floor(random() * files.length)];
    const offset = Math.floor(random() * file.bytes.length);
    const end = Math.min(file.bytes.length, offset + 1 + Math.floor(random() * 64));
    const bytes = i % 2 === 0 ? file.bytes.subarray(0, offset) : Buffer.from(file.bytes);
    if (i % 2 === 1) bytes.fill(i % 4 === 1 ? 0 : 0xff, offset, end);
    writeFileSync(file.path, bytes);
    ask(`${file.path} cut or overwritten at ${offset}`);
    writeFileSync(file.path, file.bytes);
  }
  expect(ask('as it was')).toBe(0);
});

test('a byte flipped after the block was opened is found too', () => {
  const random = randomNumbers(SEED + 2);
  const path = join(directory, 'index');
  const bytes = readFileSync(path);
  const fd = openSync(path, 'r+');
  let damaged = 0;
  for (let i = 0; i < 500; i++) {
    const offset = Math.floor(random() * bytes.length);
    const block = openBlock();
    writeSync(fd, Uint8Array.of(bytes[offset] ^ 1), 0, 1, offset);
    damaged += askOpen(block, `byte ${offset}`);
    writeSync(fd, bytes, offset, 1, offset);
  }
  closeSync(fd);
  expect(damaged).toBeGreaterThan(250);
});

/** Asks everything of the block as it is on the disk. @returns 1 where damage was found */
function ask(what: string): number {
  let block: Block;
  try {
    block = openBlock();
  } catch (error) {
    if (isDamage(error)) return 1;
    throw new Error(`${what}: opening`, { cause: error });
  }
  return askOpen(block, what);
}

function askOpen(block: Block, what: string): number {
  let damaged = 0;
  for (const [name, question] of questions) {
    try {
      const answer = JSON.stringify(question(block));
      if (answer !== wanted.get(name)) throw new Error(`a wrong answer: ${answer.slice(0, 200)}`);
    } catch (error) {
      if (!isDamage(error)) throw new Error(`${what}: ${name}`, { cause: error });
      damaged = 1;
    }
  }
  block.close();
  return damaged;
}

function isDamage(error: unknown): boolean {
  if (error instanceof InvalidMeta) return true;
  return error instanceof BlockCorruption && error.file.startsWith(directory) && error.offset >= 0;
}

function openBlock(): Block {
  return Block.open(directory, new PageCache(0, 512));
}

function* questionsOf(block: Block): Generator<[string, Question]> {
  yield ['label names', ({ index }) => index.labelNames()];
  yield ['symbols', ({ index }) => [...index.allSymbols()]];
  yield ['all', ({ index }) => [...index.all()]];
  yield ['no such postings', ({ index }) => [...index.postings('instance', 'none')]];
  for (const name of block.index.labelNames()) {
    yield [`values of ${name}`, ({ index }) => index.labelValues(name)];
    for (const value of block.index.labelValues(name)) {
      yield [`postings of ${name}=${value}`, ({ index }) => [...index.postings(name, value)]];
    }
  }
  for (const ref of block.index.all()) {
    yield [`labels of ${ref}`, ({ index }) => index.labels(ref).toJSON()];
    yield [`samples of ${ref}`, (from) => samplesOf(from, ref)];
  }
}

function samplesOf(block: Block, ref: number): number[] {
  const into = new SampleColumns();
  const count = block.read(ref, 0, Number.POSITIVE_INFINITY, into);
  return [...into.t.subarray(0, count), ...into.v.subarray(0, count)];
}

function filesOf(block: string): { readonly path: string; readonly bytes: Buffer }[] {
  const chunks = readdirSync(join(block, 'chunks')).map((name) => join('chunks', name));
  // The index twice: most of what can be asked lies there.
  const names = ['index', 'index', 'tombstones', 'meta.json', ...chunks];
  return names.map((name) => ({ path: join(block, name), bytes: readFileSync(join(block, name)) }));
}
