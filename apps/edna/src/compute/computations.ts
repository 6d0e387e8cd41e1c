import { type AnalysisResult, type AnalysisTask, analyse } from './analysis.ts';
import type { TaskContext } from './task.ts';
import { type TrainingResult, type TrainingTask, train } from './training.ts';

/** The CPU work of this service, by name: what a compute thread can be asked for. */
export interface Computations {
  analysis: { readonly task: AnalysisTask; readonly result: AnalysisResult };
  training: { readonly task: TrainingTask; readonly result: TrainingResult };
}

export type ComputationName = keyof Computations;

/** Runs one computation in this thread, which stays responsive. */
export function compute<Name extends ComputationName>(
  name: Name,
  task: Computations[Name]['task'],
  context: TaskContext,
): Promise<Computations[Name]['result']> {
  switch (name) {
    case 'analysis':
      return analyse(task as AnalysisTask, context);
    case 'training':
      return train(task as TrainingTask, context);
    default:
      throw new Error(`BUG: no computation ${String(name)}`);
  }
}
