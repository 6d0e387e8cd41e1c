import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { analyse } from '../compute/analysis.ts';
import { train } from '../compute/training.ts';
import { seededRandom } from '../random.ts';
import { NaiveBayesClassifier } from './naive-bayes.ts';
import { GENUS, readReference } from './reference.ts';

const samples = resolve(import.meta.dirname, '../../../../../shared/samples/edna');
const idle = { progress() {} };

describe.skipIf(!existsSync(samples))('real eDNA data (needs ../shared/samples/edna)', () => {
  test('12S: the study’s own genus for at least 90 % of its fish whose genus is in the references', async () => {
    const references = await readReference(join(samples, '12s-mifish-reference.fa'));
    const genera = new Set(references.map(({ lineage }) => lineage[GENUS]));
    const classifier = new NaiveBayesClassifier(references);
    const random = seededRandom(1);
    const [head = '', ...rows] = readFileSync(join(samples, '12s-asv-taxonomy.csv'), 'utf8').trim().split(/\r?\n/);
    const columns = head.replace('\ufeff', '').split(',');
    const field = (row: string, name: string) => (row.split(',')[columns.indexOf(name)] ?? '').replaceAll('"', '');
    const fish = rows.filter((row) => genera.has(field(row, 'Genus')));
    const right = fish.filter((row) => {
      const assignment = classifier.classify(field(row, 'sequence'), random);
      return assignment?.lineage[GENUS] === field(row, 'Genus');
    });
    expect(fish.length).toBeGreaterThan(50);
    expect(right.length / fish.length).toBeGreaterThanOrEqual(0.9);
  });

  test('12S: training judges itself on held-out sequences', async () => {
    const result = await train({ referencePath: join(samples, '12s-mifish-reference.fa') }, idle);
    expect(result.references).toBe(150);
    expect(result.heldOut).toBeGreaterThan(70);
    expect(result.accuracy).toBeGreaterThan(0.85);
    expect(result.loss).toBeGreaterThan(0);
    expect(result.loss).toBeLessThan(4);
  });

  test.each(['16s-sam1F.fastq.gz', '16s-sam2F.fastq.gz'])('16S: %s runs through the whole analysis', async (file) => {
    const progress: number[] = [];
    const result = await analyse(
      { inputPath: join(samples, file), referencePath: join(samples, '16s-example_train_set.fa.gz') },
      { progress: (done) => progress.push(done) },
    );
    expect(result.reads).toBe(1500);
    expect(result.readsPassed).toBeGreaterThan(500);
    expect(result.taxa.reduce((sum, taxon) => sum + taxon.reads, 0)).toBe(result.readsPassed);
    expect(result.readsClassified / result.readsPassed).toBeGreaterThan(0.8);
    expect(result.taxa.some((taxon) => taxon.lineage.includes('Bacteria'))).toBe(true);
    expect(result.diversity.shannon).toBeGreaterThan(0);
    expect(result.diversity.chao1).toBeGreaterThanOrEqual(result.diversity.richness);
    expect(progress.at(-1)).toBe(1);
    expect(progress.every((done, i) => i === 0 || done >= (progress[i - 1] as number))).toBe(true);
  });
});
