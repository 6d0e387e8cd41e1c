import type { SequenceRecord } from './parser.ts';

export interface QualityOptions {
  /** A read is cut before its first base with this Phred score or less. */
  readonly truncateAtQuality: number;
  /** Most expected errors (the sum of 10^(-Q/10)) that a read may have after the cut. */
  readonly expectedErrorsMax: number;
  /** Least bases after the cut. */
  readonly lengthMin: number;
}

/** The usual filter of amplicon studies (as DADA2's filterAndTrim with truncQ=2, maxEE=2, maxN=0). */
export const DEFAULT_QUALITY: QualityOptions = { truncateAtQuality: 2, expectedErrorsMax: 2, lengthMin: 50 };

const ERROR_PROBABILITY = Float64Array.from({ length: 94 }, (_, score) => 10 ** (-score / 10));

/** The part of the read to keep, or undefined where it is too short, too uncertain or ambiguous. */
export function filterRead(record: SequenceRecord, options: QualityOptions): string | undefined {
  const kept = record.qualities ? keptLength(record.qualities, options) : record.sequence.length;
  if (kept < options.lengthMin) return undefined;
  const sequence = kept === record.sequence.length ? record.sequence : record.sequence.slice(0, kept);
  return /^[ACGT]+$/.test(sequence) ? sequence : undefined;
}

/** Bases to keep; -1 where they promise too many errors. */
function keptLength(qualities: Uint8Array, options: QualityOptions): number {
  let expectedErrors = 0;
  for (let i = 0; i < qualities.length; i++) {
    const score = qualities[i] as number;
    if (score <= options.truncateAtQuality) return i;
    expectedErrors += ERROR_PROBABILITY[score] as number;
    if (expectedErrors > options.expectedErrorsMax) return -1;
  }
  return qualities.length;
}
