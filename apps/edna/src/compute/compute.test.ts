import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateReads, generateReference, referenceFasta } from '../demo/generator.ts';
import { diversityOf } from '../taxonomy/diversity.ts';
import { analyse } from './analysis.ts';
import { train } from './training.ts';

const idle = { progress() {} };
const references = generateReference();
let directory: string;
let referencePath: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'avalanche-compute-'));
  referencePath = join(directory, 'reference.fa');
  await writeFile(referencePath, referenceFasta(references));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('the generator makes the same set for the same seed, and another one for another seed', () => {
  expect(generateReference()).toEqual(references);
  expect(generateReference({ seed: 1 })[0]).not.toEqual(references[0]);
  expect(new Set(references.map(({ lineage }) => lineage[5])).size).toBe(72);
});

test('an analysis finds the community that the reads were made of', async () => {
  const inputPath = join(directory, 'reads.fastq');
  await writeFile(inputPath, generateReads(references, { seed: 3, reads: 400, species: 4 }));
  const result = await analyse({ inputPath, referencePath }, idle);
  expect(result.reads).toBe(400);
  expect(result.readsPassed).toBeGreaterThan(350);
  expect(result.uniqueSequences).toBeLessThan(result.readsPassed);
  const [top] = result.taxa;
  expect(top?.lineage.length).toBeGreaterThanOrEqual(6);
  expect(top?.confidence).toBeGreaterThan(0.5);
  expect(result.taxa.reduce((sum, taxon) => sum + taxon.reads, 0)).toBe(result.readsPassed);
});

test('poor reads are an analysis that fails with a reason', async () => {
  const inputPath = join(directory, 'poor.fastq');
  await writeFile(inputPath, generateReads(references, { seed: 3, reads: 50, quality: 9 }));
  await expect(analyse({ inputPath, referencePath }, idle)).rejects.toMatchObject({ code: 'no_reads_left' });
});

test('a training is judged on what it has not seen: better than chance, not perfect, the same for the same seed', async () => {
  const result = await train({ referencePath, seed: 5 }, idle);
  expect(result).toMatchObject({ references: 648, taxa: 216, heldOut: 648, folds: 5 });
  expect(result.accuracy).toBeGreaterThan(0.8);
  expect(result.accuracy).toBeLessThan(1);
  expect(result.loss).toBeGreaterThan(0);
  expect(await train({ referencePath, seed: 5 }, idle)).toEqual(result);
  expect((await train({ referencePath, seed: 6 }, idle)).loss).not.toBe(result.loss);
});

test('a reference of one taxon trains nothing', async () => {
  const lonely = join(directory, 'lonely.fa');
  await writeFile(lonely, '>A;B;\nACGTACGTACGT\n>A;B;\nACGTACGTACGA\n');
  await expect(train({ referencePath: lonely }, idle)).rejects.toMatchObject({ code: 'bad_reference' });
});

test.each([
  { counts: [10], richness: 1, shannon: 0, simpson: 0, chao1: 1 },
  { counts: [5, 5, 0], richness: 2, shannon: Math.LN2, simpson: 0.5, chao1: 2 },
  { counts: [1, 1, 1, 2], richness: 4, shannon: 1.332, simpson: 0.72, chao1: 5.5 },
  { counts: [], richness: 0, shannon: 0, simpson: 0, chao1: 0 },
])('diversity of $counts', ({ counts, ...expected }) => {
  const indices = diversityOf(counts);
  expect(indices.richness).toBe(expected.richness);
  expect(indices.shannon).toBeCloseTo(expected.shannon, 3);
  expect(indices.simpson).toBeCloseTo(expected.simpson, 9);
  expect(indices.chao1).toBeCloseTo(expected.chao1, 9);
});
