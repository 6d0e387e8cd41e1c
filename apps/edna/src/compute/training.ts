import { JobError } from '../errors.ts';
import { seededRandom } from '../random.ts';
import { NaiveBayesClassifier } from '../taxonomy/naive-bayes.ts';
import { GENUS, type ReferenceSequence, readReference } from '../taxonomy/reference.ts';
import { Pacer, type TaskContext } from './task.ts';

export interface TrainingTask {
  readonly referencePath: string;
  /** Each sequence is held out once; the model that judges it was fitted on the other parts. */
  readonly folds?: number;
  readonly seed?: number;
}

export interface TrainingResult {
  readonly references: number;
  readonly taxa: number;
  /** Sequences that were judged: those whose genus has other references to learn it from. */
  readonly heldOut: number;
  /** Share of held-out sequences that got their own genus. */
  readonly accuracy: number;
  /** Mean negative log of the probability given to the true genus, in nats, at most 34.5 per sequence. */
  readonly loss: number;
  readonly folds: number;
}

/** Probabilities are cut off here, as is usual for log-loss: one certain error must not make it infinite. */
const PROBABILITY_MIN = 1e-15;

/** Fits the classifier on a reference set and judges it by cross-validation. @throws JobError */
export async function train(task: TrainingTask, context: TaskContext): Promise<TrainingResult> {
  const folds = task.folds ?? 5;
  const references = await readReference(task.referencePath);
  const parts = foldsOf(references, folds, seededRandom(task.seed ?? 1));
  const pacer = new Pacer();
  const score = { judged: 0, right: 0, loss: 0 };
  for (let fold = 0; fold < folds; fold++) {
    const learned = references.filter((_, i) => parts[i] !== fold);
    const held = references.filter((_, i) => parts[i] === fold);
    if (held.length === 0) continue;
    const model = new NaiveBayesClassifier(learned);
    const genera = new Set(learned.map(genusOf));
    for (const [i, reference] of held.entries()) {
      context.progress((fold + i / held.length) / (folds + 1));
      await pacer.pause();
      if (genera.has(genusOf(reference))) judge(model, reference, score);
    }
  }
  if (score.judged === 0) {
    throw new JobError('bad_reference', 'no genus has two references, so nothing can be held out and judged');
  }
  const model = new NaiveBayesClassifier(references);
  return {
    references: references.length,
    taxa: model.lineages.length,
    heldOut: score.judged,
    accuracy: score.right / score.judged,
    loss: score.loss / score.judged,
    folds,
  };
}

function judge(
  model: NaiveBayesClassifier,
  reference: ReferenceSequence,
  score: { judged: number; right: number; loss: number },
): void {
  const truth = genusOf(reference);
  const byGenus = new Map<string, number>();
  model.probabilities(reference.sequence).forEach((probability, taxon) => {
    const genus = (model.lineages[taxon] as readonly string[]).slice(0, GENUS + 1).join(';');
    byGenus.set(genus, (byGenus.get(genus) ?? 0) + probability);
  });
  const [best] = [...byGenus].reduce((most, next) => (next[1] > most[1] ? next : most));
  score.judged++;
  if (best === truth) score.right++;
  score.loss -= Math.log(Math.max(PROBABILITY_MIN, byGenus.get(truth) ?? 0));
}

function genusOf({ lineage }: ReferenceSequence): string {
  return lineage.slice(0, GENUS + 1).join(';');
}

/** Deals the sequences of each genus out to the folds in turn, in random order, so that every fold sees every genus. */
function foldsOf(references: readonly ReferenceSequence[], folds: number, random: () => number): Uint8Array {
  const part = new Uint8Array(references.length);
  const order = references.map((_, i) => ({ i, at: random() })).sort((a, b) => a.at - b.at);
  const dealt = new Map<string, number>();
  for (const { i } of order) {
    const genus = genusOf(references[i] as ReferenceSequence);
    const turn = dealt.get(genus) ?? Math.floor(random() * folds);
    part[i] = turn % folds;
    dealt.set(genus, turn + 1);
  }
  return part;
}
