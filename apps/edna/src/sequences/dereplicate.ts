import { JobError } from '../errors.ts';

export interface UniqueSequence {
  readonly sequence: string;
  readonly count: number;
}

/** Counts equal sequences. It holds each different sequence once, and refuses to hold more than `basesMax` bases. */
export class Dereplicator {
  private readonly counts = new Map<string, number>();
  private bases = 0;

  constructor(private readonly basesMax = 128 * 1024 * 1024) {}

  add(sequence: string): void {
    const before = this.counts.get(sequence);
    if (before === undefined) {
      this.bases += sequence.length;
      if (this.bases > this.basesMax) {
        throw new JobError('too_large', `the different sequences are longer than ${this.basesMax} bases together`);
      }
    }
    this.counts.set(sequence, (before ?? 0) + 1);
  }

  /** Most abundant first; equally abundant ones in the order of their bases, so that a run can be repeated. */
  sorted(): UniqueSequence[] {
    return [...this.counts]
      .map(([sequence, count]) => ({ sequence, count }))
      .sort((a, b) => b.count - a.count || (a.sequence < b.sequence ? -1 : 1));
  }
}
