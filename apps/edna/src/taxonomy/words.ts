/** Length of the words the classifier counts, as in RDP's (Wang et al. 2007). */
export const WORD_LENGTH = 8;
/** There are 4^8 words; each is the number of its bases in base 4. */
export const WORD_COUNT = 4 ** WORD_LENGTH;

const BASE_VALUE = new Int8Array(128).fill(-1);
for (const [value, base] of [...'ACGT'].entries()) BASE_VALUE[base.charCodeAt(0)] = value;

/** The different words of `sequence`; words with an ambiguous base are left out. */
export function wordsOf(sequence: string): Uint16Array {
  const words = new Uint16Array(Math.max(0, sequence.length - WORD_LENGTH + 1));
  let count = 0;
  let word = 0;
  let valid = 0;
  for (let i = 0; i < sequence.length; i++) {
    const value = BASE_VALUE[sequence.charCodeAt(i) & 127] as number;
    if (value < 0) {
      valid = 0;
      continue;
    }
    word = ((word << 2) | value) & (WORD_COUNT - 1);
    if (++valid >= WORD_LENGTH) words[count++] = word;
  }
  return distinct(words.subarray(0, count).sort());
}

/** Drops repetitions of a sorted array, in place. */
function distinct(sorted: Uint16Array): Uint16Array {
  let length = 0;
  for (let i = 0; i < sorted.length; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[length++] = sorted[i] as number;
  }
  return sorted.subarray(0, length);
}

const COMPLEMENT: Readonly<Record<string, string>> = { A: 'T', C: 'G', G: 'C', T: 'A' };

export function reverseComplement(sequence: string): string {
  let out = '';
  for (let i = sequence.length - 1; i >= 0; i--) out += COMPLEMENT[sequence[i] as string] ?? 'N';
  return out;
}
