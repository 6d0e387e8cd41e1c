import { JobError } from '../errors.ts';
import { DEFAULT_INPUT_LIMITS, readSequenceFile } from '../sequences/read.ts';

export interface ReferenceSequence {
  /** Names from the widest rank to the narrowest. */
  readonly lineage: readonly string[];
  readonly sequence: string;
}

/** Names of the ranks by their place in a lineage. A reference may stop at any of them. */
export const RANKS = ['kingdom', 'phylum', 'class', 'order', 'family', 'genus', 'species'] as const;
/** The place of the genus. */
export const GENUS = 5;

/** More than any curated amplicon reference of ours, and about 200 MB of text. */
const REFERENCE_RECORDS_MAX = 100_000;

/**
 * Reads a reference set: FASTA, plain or gzip, whose headers hold the lineage, `>Animalia;Chordata;…;Genus;` or
 * `>ID Animalia;Chordata;…` (the formats of DADA2's and of most curated sets).
 * @throws JobError bad_reference, or what is wrong with the file
 */
export async function readReference(path: string): Promise<ReferenceSequence[]> {
  const references: ReferenceSequence[] = [];
  await readSequenceFile(
    path,
    ({ header, sequence }) => {
      references.push({ lineage: parseLineage(header), sequence });
    },
    { limits: { ...DEFAULT_INPUT_LIMITS, recordsMax: REFERENCE_RECORDS_MAX, sequenceBasesMax: 20_000 } },
  );
  return references;
}

/** @throws JobError where the header holds no lineage */
export function parseLineage(header: string): string[] {
  const space = header.search(/\s/);
  const firstWord = space === -1 ? header : header.slice(0, space);
  const text = firstWord.includes(';') ? header : header.slice(firstWord.length);
  const names = text.split(';').map((name) => name.trim());
  if (names.at(-1) === '') names.pop();
  if (!text.includes(';') || names.length === 0) {
    const shown = header.slice(0, 80);
    throw new JobError(
      'bad_reference',
      `no lineage (names with ; between) in the reference header ${JSON.stringify(shown)}`,
    );
  }
  return names.slice(0, RANKS.length);
}
