import { METRIC_NAME } from '@avalanche/model';
import { checkUnique, newStatus, type QueryVector, type Rule, type VectorSample } from './rule.ts';

/** Writes the result of its expression under a new name. */
export class RecordingRule implements Rule {
  readonly status = newStatus();

  constructor(
    readonly name: string,
    readonly expression: string,
    readonly labels: Readonly<Record<string, string>>,
  ) {}

  async evaluate(time: number, query: QueryVector, limit: number): Promise<readonly VectorSample[]> {
    const result = await query(this.expression, time);
    this.status.lastResultSize = result.length;
    const samples = result.map(({ labels, value, histogram }) => ({
      labels: labels.with({ ...this.labels, [METRIC_NAME]: this.name }),
      value,
      histogram,
    }));
    checkUnique(samples, 'rule');
    if (limit > 0 && samples.length > limit)
      throw new Error(`exceeded limit of ${limit} with ${samples.length} series`);
    return samples;
  }
}
