import { JobError } from '../errors.ts';
import type { ReferenceSequence } from './reference.ts';
import { reverseComplement, WORD_COUNT, wordsOf } from './words.ts';

/** Most bytes of the table of word probabilities. */
const TABLE_BYTES_MAX = 256 * 1024 * 1024;
const BOOTSTRAPS = 100;

export interface Assignment {
  readonly lineage: readonly string[];
  /** For each rank of `lineage`, the share of bootstraps that agree with it, 0 to 1. */
  readonly confidence: readonly number[];
}

/**
 * The naive Bayes classifier of Wang et al. 2007 (RDP): a sequence is the set of its 8-letter words; a taxon is how
 * often its references have each word; the assignment's confidence is how often a random eighth of the words agrees.
 * Here a taxon is a whole lineage as the references give it, so that the same model answers at every rank.
 */
export class NaiveBayesClassifier {
  readonly lineages: readonly (readonly string[])[];
  /** Row of the table for each word; -1 for words that no reference has. */
  private readonly rowOf: Int32Array;
  /** Log-probability of a word in a taxon: one row per word, one column per taxon. */
  private readonly logProbability: Float32Array;
  /** The same for a word that no reference has. It tells the taxa apart only by how many references they have. */
  private readonly logUnseen: Float32Array;
  private readonly scores: Float64Array;

  /** @throws JobError bad_reference where there is nothing to tell apart, or too much to hold */
  constructor(references: readonly ReferenceSequence[]) {
    const taxa = new Map<string, number>();
    const lineages: (readonly string[])[] = [];
    const taxonOf = references.map(({ lineage }) => {
      const key = lineage.join(';');
      const known = taxa.get(key);
      if (known !== undefined) return known;
      taxa.set(key, lineages.length);
      return lineages.push(lineage) - 1;
    });
    if (lineages.length < 2) throw new JobError('bad_reference', 'the references need at least two different taxa');
    this.lineages = lineages;
    this.scores = new Float64Array(lineages.length);
    const wordSets = references.map(({ sequence }) => wordsOf(sequence));
    this.rowOf = indexWords(wordSets);
    const rows = this.rowOf.reduce((most, row) => Math.max(most, row), -1) + 1;
    if (rows * lineages.length * 4 > TABLE_BYTES_MAX) {
      throw new JobError('bad_reference', `${lineages.length} taxa are more than this classifier holds`);
    }
    const { table, unseen } = this.fit(wordSets, taxonOf, rows);
    this.logProbability = table;
    this.logUnseen = unseen;
  }

  private fit(wordSets: readonly Uint16Array[], taxonOf: readonly number[], rows: number) {
    const taxa = this.lineages.length;
    const table = new Float32Array(rows * taxa);
    const sequencesWithWord = new Float64Array(rows);
    const sequencesOfTaxon = new Float64Array(taxa);
    wordSets.forEach((words, i) => {
      const taxon = taxonOf[i] as number;
      sequencesOfTaxon[taxon] = (sequencesOfTaxon[taxon] as number) + 1;
      for (const word of words) {
        const row = this.rowOf[word] as number;
        sequencesWithWord[row] = (sequencesWithWord[row] as number) + 1;
        table[row * taxa + taxon] = (table[row * taxa + taxon] as number) + 1;
      }
    });
    const total = wordSets.length + 1;
    for (let row = 0; row < rows; row++) {
      const prior = ((sequencesWithWord[row] as number) + 0.5) / total;
      for (let taxon = 0; taxon < taxa; taxon++) {
        const at = row * taxa + taxon;
        table[at] = Math.log(((table[at] as number) + prior) / ((sequencesOfTaxon[taxon] as number) + 1));
      }
    }
    return { table, unseen: Float32Array.from(sequencesOfTaxon, (n) => Math.log(0.5 / total / (n + 1))) };
  }

  /** Assigns `sequence`, read in the direction that fits better. Undefined where it has no unambiguous word. */
  classify(sequence: string, random: () => number): Assignment | undefined {
    const words = this.orientedWords(sequence);
    if (words.length === 0) return undefined;
    const best = this.bestTaxon(words, words.length, undefined);
    const votes = this.bootstrap(words, random);
    const lineage = this.lineages[best] as readonly string[];
    const confidence = lineage.map((_, rank) => {
      let agreeing = 0;
      for (const [taxon, count] of votes) if (this.agree(taxon, best, rank)) agreeing += count;
      return agreeing / BOOTSTRAPS;
    });
    return { lineage, confidence };
  }

  /** Probabilities of the taxa, in the order of `lineages`, with every taxon as likely beforehand. */
  probabilities(sequence: string): Float64Array {
    const words = wordsOf(sequence);
    const best = this.bestTaxon(words, words.length, undefined);
    const top = this.scores[best] as number;
    const weights = this.scores.map((score) => Math.exp(score - top));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  }

  private orientedWords(sequence: string): Uint16Array {
    const forward = wordsOf(sequence);
    const backward = wordsOf(reverseComplement(sequence));
    return this.knownWords(backward) > this.knownWords(forward) ? backward : forward;
  }

  private knownWords(words: Uint16Array): number {
    let known = 0;
    for (const word of words) if ((this.rowOf[word] as number) >= 0) known++;
    return known;
  }

  private bootstrap(words: Uint16Array, random: () => number): Map<number, number> {
    const size = Math.max(5, Math.floor(words.length / 8));
    const votes = new Map<number, number>();
    for (let i = 0; i < BOOTSTRAPS; i++) {
      const taxon = this.bestTaxon(words, size, random);
      votes.set(taxon, (votes.get(taxon) ?? 0) + 1);
    }
    return votes;
  }

  /** Scores every taxon on all words, or on `count` drawn with `random`, into `scores`; returns the best taxon. */
  private bestTaxon(words: Uint16Array, count: number, random: (() => number) | undefined): number {
    const { scores, rowOf, logProbability, logUnseen } = this;
    const taxa = scores.length;
    scores.fill(0);
    for (let i = 0; i < count; i++) {
      const word = words[random ? Math.floor(random() * words.length) : i] as number;
      const row = rowOf[word] as number;
      const from = row < 0 ? logUnseen : logProbability;
      const offset = row < 0 ? 0 : row * taxa;
      for (let taxon = 0; taxon < taxa; taxon++) {
        scores[taxon] = (scores[taxon] as number) + (from[offset + taxon] as number);
      }
    }
    let best = 0;
    for (let taxon = 1; taxon < taxa; taxon++) {
      if ((scores[taxon] as number) > (scores[best] as number)) best = taxon;
    }
    return best;
  }

  private agree(a: number, b: number, rank: number): boolean {
    if (a === b) return true;
    const left = this.lineages[a] as readonly string[];
    const right = this.lineages[b] as readonly string[];
    for (let i = 0; i <= rank; i++) if (left[i] !== right[i]) return false;
    return true;
  }
}

function indexWords(wordSets: readonly Uint16Array[]): Int32Array {
  const rowOf = new Int32Array(WORD_COUNT).fill(-1);
  let rows = 0;
  for (const words of wordSets) {
    for (const word of words) if ((rowOf[word] as number) < 0) rowOf[word] = rows++;
  }
  return rowOf;
}
