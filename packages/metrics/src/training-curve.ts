/** What a training logged at one step or epoch. */
export interface TrainingPoint {
  /** Counts up; a point without one comes one after the point before. */
  readonly epoch?: number;
  readonly step?: number;
  readonly loss?: number;
  /** On held-out data, 0 to 1. */
  readonly accuracy?: number;
}

/** What can be wrong with a training: its loss is no number, it does not get better any more, or it gets worse. */
export const TRAINING_PROBLEMS = ['nan', 'plateau', 'divergence'] as const;

export type TrainingProblem = (typeof TRAINING_PROBLEMS)[number];

export interface CurveLimits {
  /** A plateau is this many points without a better one. Default 10. */
  readonly patience?: number;
  /** By which share of the best value a point must be better to count. Default 0.001. */
  readonly improvement?: number;
}

/** How many of the newest points say whether a training diverges, so that one bad batch does not. */
const NEWEST = 3;

/**
 * Judges a training by its curve, in constant memory. By the loss where there is one, else by the accuracy.
 * - `nan`: the newest loss or accuracy is not finite.
 * - `plateau`: none of the last `patience` points was better than the best before them.
 * - `divergence`: the mean of the last three points has given back more than half of what had been won since the first;
 *   where nothing was won, it is worse than the first by a tenth.
 */
export class TrainingCurve {
  private readonly patience: number;
  private readonly improvement: number;
  private first = Number.NaN;
  private best = Number.NaN;
  private sinceBest = 0;
  private newest: number[] = [];
  private isFinite = true;

  constructor({ patience = 10, improvement = 0.001 }: CurveLimits = {}) {
    this.patience = patience;
    this.improvement = improvement;
  }

  add({ loss, accuracy }: TrainingPoint): void {
    // from here on smaller is better
    const value = loss ?? (accuracy === undefined ? undefined : -accuracy);
    if (value === undefined) return;
    this.isFinite = Number.isFinite(value) && (accuracy === undefined || Number.isFinite(accuracy));
    if (!Number.isFinite(value)) return;
    this.newest = [...this.newest.slice(1 - NEWEST), value];
    if (Number.isNaN(this.first)) this.first = value;
    const isBetter = Number.isNaN(this.best) || value < this.best - this.improvement * Math.abs(this.best);
    this.sinceBest = isBetter ? 0 : this.sinceBest + 1;
    if (isBetter) this.best = value;
  }

  /** Whether the training has this problem now. */
  has(problem: TrainingProblem): boolean {
    if (problem === 'nan') return !this.isFinite;
    if (problem === 'divergence') return this.diverges();
    return this.sinceBest >= this.patience && !this.diverges();
  }

  private diverges(): boolean {
    if (this.newest.length < NEWEST || this.sinceBest < NEWEST) return false;
    const mean = this.newest.reduce((sum, value) => sum + value, 0) / NEWEST;
    const won = this.first - this.best;
    return won > 0 ? mean > this.best + won / 2 : mean > this.first + Math.abs(this.first) / 10;
  }
}
