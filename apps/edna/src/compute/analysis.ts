import { stat } from 'node:fs/promises';
import { JobError } from '../errors.ts';
import { seededRandom } from '../random.ts';
import { Dereplicator, type UniqueSequence } from '../sequences/dereplicate.ts';
import { DEFAULT_QUALITY, filterRead, type QualityOptions } from '../sequences/quality.ts';
import { DEFAULT_INPUT_LIMITS, type InputLimits, readSequenceFile } from '../sequences/read.ts';
import { type DiversityIndices, diversityOf } from '../taxonomy/diversity.ts';
import { NaiveBayesClassifier } from '../taxonomy/naive-bayes.ts';
import { RANKS, readReference } from '../taxonomy/reference.ts';
import { Pacer, type TaskContext } from './task.ts';

export interface AnalysisTask {
  readonly inputPath: string;
  readonly referencePath: string;
  /** A rank is named where at least this share of bootstraps agrees. RDP's advice: 0.5 for reads under 250 bases. */
  readonly confidenceMin?: number;
  readonly quality?: QualityOptions;
  readonly limits?: InputLimits;
}

export interface TaxonCount {
  readonly lineage: readonly string[];
  readonly reads: number;
  readonly sequences: number;
  /** Mean confidence of the narrowest named rank, weighted by reads. */
  readonly confidence: number;
}

export interface AnalysisResult {
  readonly reads: number;
  readonly readsPassed: number;
  readonly uniqueSequences: number;
  readonly readsClassified: number;
  readonly taxa: readonly TaxonCount[];
  /** How many taxa there are; `taxa` holds the most abundant ones. */
  readonly taxaCount: number;
  readonly diversity: DiversityIndices;
}

const TAXA_KEPT = 200;
/** Rarer sequences than these many most abundant ones are counted, but not classified. */
const UNIQUES_CLASSIFIED_MAX = 20_000;
/** Reading and filtering is about this share of the work. */
const READING_SHARE = 0.1;

/** Quality filter, dereplication, taxonomic assignment and diversity of one read set. @throws JobError */
export async function analyse(task: AnalysisTask, context: TaskContext): Promise<AnalysisResult> {
  const pacer = new Pacer();
  const { reads, readsPassed, uniques } = await readUniques(task, context, pacer);
  if (readsPassed === 0) throw new JobError('no_reads_left', `none of ${reads} reads passed the quality filter`);
  const classifier = new NaiveBayesClassifier(await readReference(task.referencePath));
  const taxa = new TaxonTable(task.confidenceMin ?? 0.5);
  const random = seededRandom(1);
  const classified = uniques.slice(0, UNIQUES_CLASSIFIED_MAX);
  for (const [i, unique] of classified.entries()) {
    taxa.add(unique, classifier.classify(unique.sequence, random));
    context.progress(Math.min(1, READING_SHARE + ((1 - READING_SHARE) * (i + 1)) / classified.length));
    await pacer.pause();
  }
  const counts = taxa.sorted();
  return {
    reads,
    readsPassed,
    uniqueSequences: uniques.length,
    readsClassified: counts.reduce((sum, taxon) => sum + (taxon.lineage.length > 0 ? taxon.reads : 0), 0),
    taxa: counts.slice(0, TAXA_KEPT),
    taxaCount: counts.length,
    diversity: diversityOf(counts.map((taxon) => taxon.reads)),
  };
}

async function readUniques(task: AnalysisTask, context: TaskContext, pacer: Pacer) {
  const dereplicator = new Dereplicator();
  const quality = task.quality ?? DEFAULT_QUALITY;
  const { size } = await stat(task.inputPath);
  let readsPassed = 0;
  const { records } = await readSequenceFile(
    task.inputPath,
    (record) => {
      const kept = filterRead(record, quality);
      if (kept === undefined) return;
      readsPassed++;
      dereplicator.add(kept);
    },
    {
      limits: task.limits ?? DEFAULT_INPUT_LIMITS,
      onChunk: (bytes) => {
        context.progress((READING_SHARE * bytes) / Math.max(size, bytes));
        return pacer.pause();
      },
    },
  );
  return { reads: records, readsPassed, uniques: dereplicator.sorted() };
}

class TaxonTable {
  private readonly taxa = new Map<
    string,
    { lineage: readonly string[]; reads: number; sequences: number; weight: number }
  >();

  constructor(private readonly confidenceMin: number) {}

  add(unique: UniqueSequence, assignment: ReturnType<NaiveBayesClassifier['classify']>): void {
    const named = assignment ? namedRanks(assignment.confidence, this.confidenceMin) : 0;
    const lineage = assignment?.lineage.slice(0, named) ?? [];
    const key = lineage.join(';');
    const taxon = this.taxa.get(key) ?? { lineage, reads: 0, sequences: 0, weight: 0 };
    taxon.reads += unique.count;
    taxon.sequences += 1;
    taxon.weight += unique.count * (assignment?.confidence[named - 1] ?? 0);
    this.taxa.set(key, taxon);
  }

  /** Most reads first. What could not be named at any rank is the taxon with an empty lineage. */
  sorted(): TaxonCount[] {
    return [...this.taxa.values()]
      .map(({ lineage, reads, sequences, weight }) => ({ lineage, reads, sequences, confidence: weight / reads }))
      .sort((a, b) => b.reads - a.reads);
  }
}

/** How many ranks, from the widest, are sure enough. */
function namedRanks(confidence: readonly number[], confidenceMin: number): number {
  const unsure = confidence.findIndex((value) => value < confidenceMin);
  return unsure === -1 ? Math.min(confidence.length, RANKS.length) : unsure;
}
