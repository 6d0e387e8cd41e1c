import type { MetricFamilies } from './families.ts';
import { TRAINING_PROBLEMS, type TrainingCurve, type TrainingPoint } from './training-curve.ts';

interface RunLabels {
  readonly model_type: string;
  readonly run_id: string;
}

/**
 * The series that have a `run_id`, kept to the newest runs: a training that is recorded pushes out the one recorded
 * longest ago. Without that, every training ever made would stay a series in every scrape.
 */
export class TrainingRuns {
  private readonly runs = new Map<string, RunLabels>();

  constructor(
    private readonly families: MetricFamilies,
    private readonly runsMax: number,
  ) {}

  /** Shows where a training is. Values that are not given stay as they were. */
  show(labels: RunLabels, { epoch, step, loss, accuracy }: TrainingPoint): void {
    const { trainingAccuracy, trainingLoss, trainingEpoch } = this.families;
    const at = epoch ?? step;
    if (accuracy !== undefined) trainingAccuracy.set(labels, accuracy);
    if (loss !== undefined) trainingLoss.set(labels, loss);
    if (at !== undefined) trainingEpoch.set(labels, at);
    this.remember(labels);
  }

  /** Says what is wrong with a training that runs. */
  judge(labels: RunLabels, curve: TrainingCurve): void {
    for (const problem of TRAINING_PROBLEMS) {
      this.families.trainingProblem.set({ ...labels, problem }, curve.has(problem) ? 1 : 0);
    }
  }

  /** What was wrong with a training that has ended is nobody's trouble any more. */
  acquit(labels: RunLabels): void {
    for (const problem of TRAINING_PROBLEMS) this.families.trainingProblem.remove({ ...labels, problem });
  }

  private remember(labels: RunLabels): void {
    const key = JSON.stringify([labels.model_type, labels.run_id]);
    this.runs.delete(key);
    this.runs.set(key, labels);
    for (const [oldest, its] of this.runs) {
      if (this.runs.size <= this.runsMax) return;
      this.runs.delete(oldest);
      for (const name of ['trainingAccuracy', 'trainingLoss', 'trainingEpoch'] as const)
        this.families[name].remove(its);
      this.acquit(its);
    }
  }
}
