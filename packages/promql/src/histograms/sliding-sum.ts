import { type FloatHistogram, HistogramSum } from '@avalanche/model';

/**
 * Sums of windows over one list of histograms, whose ends only go forward. Windows that overlap are put together of two
 * parts, as sums of floats are (`slidingSums`): sums from each histogram up to a border, and a growing one from the
 * border on. So each histogram is added a few times, however many windows it is in, and nothing is ever subtracted.
 */
export class SlidingHistogramSum {
  private border = 0;
  /** The sum from histogram `base + i` up to the border, once a second window needs it. */
  private suffixes: HistogramSum[] = [];
  private base = 0;
  private beyond: HistogramSum | null = null;
  private end = 0;

  constructor(private readonly histograms: readonly FloatHistogram[]) {}

  /** The sum of the histograms `from` … `to`-1, of which there is one at least; they must fit together. */
  over(from: number, to: number): HistogramSum {
    if (from >= this.border) {
      this.border = to;
      this.suffixes = [];
      this.beyond = null;
      this.end = to;
      return this.plain(from, to);
    }
    if (this.suffixes.length === 0) this.sumUpToBorder(from);
    for (; this.end < to; this.end++) this.beyond = this.plus(this.beyond, this.end);
    const sum = new HistogramSum(this.suffixes[from - this.base]);
    if (this.beyond !== null) sum.addSum(this.beyond);
    return sum;
  }

  /** One after the other. */
  plain(from: number, to: number): HistogramSum {
    const sum = new HistogramSum(this.histograms[from]);
    for (let i = from + 1; i < to; i++) sum.add(this.histograms[i]);
    return sum;
  }

  private sumUpToBorder(from: number): void {
    this.base = from;
    this.suffixes = new Array<HistogramSum>(this.border - from);
    let sum: HistogramSum | null = null;
    for (let i = this.border - 1; i >= from; i--) {
      sum = this.plus(sum && new HistogramSum(sum), i);
      this.suffixes[i - from] = sum;
    }
  }

  private plus(sum: HistogramSum | null, i: number): HistogramSum {
    if (sum === null) return new HistogramSum(this.histograms[i]);
    sum.add(this.histograms[i]);
    return sum;
  }
}
