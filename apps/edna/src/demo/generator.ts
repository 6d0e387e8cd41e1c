/**
 * Synthetic reference sets and reads, the same for the same seed. Nothing here is a real organism.
 *
 * Taxa: one random ancestor of a 12S-like marker (about 172 bases) evolves down a tree. Each step from rank to rank
 * substitutes a share of its bases (most between phyla, least between species), and now and then inserts or deletes
 * one; so related taxa are similar, as real ones are, and genera can be told apart while species often cannot.
 *
 * Reads: taxa are drawn with geometrically falling abundance; each read is one of the taxon's sequences with
 * sequencing errors that follow the qualities, which fall towards the end of the read as Illumina's do.
 */
import { seededRandom } from '../random.ts';
import type { ReferenceSequence } from '../taxonomy/reference.ts';

type Random = () => number;

const BASES = 'ACGT';
const MARKER_BASES = 172;
/** Share of bases that changes from the rank above: kingdom, phylum, class, order, family, genus, species. */
const DIVERGENCE = [0, 0.3, 0.2, 0.15, 0.08, 0.012, 0.008];
/** Children per node, by rank. */
const CHILDREN = [1, 2, 2, 2, 3, 3, 3];
const INDEL_SHARE = 0.05;
const WITHIN_SPECIES = 0.015;

export interface ReferenceOptions {
  readonly seed?: number;
  /** Sequences per species. */
  readonly perSpecies?: number;
}

/** About 216 species of 72 genera, with the lineages that a reference's headers hold. */
export function generateReference({ seed = 20_260, perSpecies = 3 }: ReferenceOptions = {}): ReferenceSequence[] {
  const random = seededRandom(seed);
  const out: ReferenceSequence[] = [];
  const grow = (sequence: string, lineage: readonly string[]): void => {
    const rank = lineage.length;
    if (rank === CHILDREN.length) {
      for (let i = 0; i < perSpecies; i++) out.push({ lineage, sequence: evolve(sequence, WITHIN_SPECIES, random) });
      return;
    }
    for (let child = 0; child < (CHILDREN[rank] as number); child++) {
      const name = taxonName(rank, lineage, random);
      grow(evolve(sequence, DIVERGENCE[rank] as number, random), [...lineage, name]);
    }
  };
  grow(randomSequence(MARKER_BASES, random), []);
  return out;
}

/** The reference as FASTA with lineages in the headers. */
export function referenceFasta(references: readonly ReferenceSequence[]): string {
  return references
    .map(({ lineage, sequence }, i) => `>SYN${String(i + 1).padStart(5, '0')} ${lineage.join(';')};\n${sequence}\n`)
    .join('');
}

export interface ReadsOptions {
  readonly seed: number;
  readonly reads: number;
  /** How many species live at the sampled place. */
  readonly species?: number;
  /** Phred score at the start of a read; the end has about 14 less. */
  readonly quality?: number;
}

/** A sample's reads as FASTQ. */
export function generateReads(references: readonly ReferenceSequence[], options: ReadsOptions): string {
  const random = seededRandom(options.seed);
  const community = Array.from({ length: options.species ?? 25 }, () => {
    return references[Math.floor(random() * references.length)] as ReferenceSequence;
  });
  const lines: string[] = [];
  for (let i = 0; i < options.reads; i++) {
    const { sequence } = community[abundanceRank(community.length, random)] as ReferenceSequence;
    const { bases, qualities } = sequenceRead(sequence, options.quality ?? 37, random);
    lines.push(`@SYN:${options.seed}:${i + 1} 1:N:0:1`, bases, '+', qualities);
  }
  return `${lines.join('\n')}\n`;
}

function abundanceRank(taxa: number, random: Random): number {
  // Each taxon is about 0.8 times as abundant as the one before it.
  return Math.min(taxa - 1, Math.floor(Math.log(1 - random()) / Math.log(0.8)));
}

function sequenceRead(sequence: string, startQuality: number, random: Random) {
  let bases = '';
  let qualities = '';
  for (let i = 0; i < sequence.length; i++) {
    const fall = 14 * (i / sequence.length) ** 3;
    const score = Math.max(2, Math.min(41, Math.round(startQuality - fall - 3 * random())));
    const wrong = random() < 10 ** (-score / 10);
    bases += wrong ? otherBase(sequence[i] as string, random) : sequence[i];
    qualities += String.fromCharCode(33 + score);
  }
  return { bases, qualities };
}

function evolve(sequence: string, share: number, random: Random): string {
  let out = '';
  for (const base of sequence) {
    if (random() >= share) {
      out += base;
    } else if (random() >= INDEL_SHARE) {
      out += otherBase(base, random);
    } else if (random() < 0.5) {
      out += base + randomBase(random);
    }
  }
  return out;
}

function randomSequence(bases: number, random: Random): string {
  return Array.from({ length: bases }, () => randomBase(random)).join('');
}

function randomBase(random: Random): string {
  return BASES[Math.floor(random() * 4)] as string;
}

function otherBase(base: string, random: Random): string {
  return BASES[(BASES.indexOf(base) + 1 + Math.floor(random() * 3)) % 4] as string;
}

const CONSONANTS = 'bcdflmnprstv';
const VOWELS = 'aeiou';
/** Endings by rank, so that the invented names read like names of that rank. */
const ENDINGS = ['ia', 'ophyta', 'opsida', 'iformes', 'idae', 'us', 'ensis'];

function taxonName(rank: number, lineage: readonly string[], random: Random): string {
  const pick = (letters: string) => letters[Math.floor(random() * letters.length)] as string;
  const stem = Array.from({ length: 3 }, () => pick(CONSONANTS) + pick(VOWELS)).join('') + pick(CONSONANTS);
  const name = stem + (ENDINGS[rank] as string);
  // A species is named with its genus.
  return rank === 6 ? `${lineage[5]} ${name}` : (name[0] as string).toUpperCase() + name.slice(1);
}
