import { Labels } from '@avalanche/model';
import { type CivilTime, civilTime, dayOfYear, daysInMonth } from '../civil-time.ts';
import { FLOAT, type Steps } from '../columns.ts';
import { define, dropHistograms, type FunctionSpec, nameless, vectorResult } from './spec.ts';

/** A part of the UTC date of each value (seconds since the epoch); without an argument, of the evaluation time. */
function datePart(name: string, part: (time: CivilTime) => number): FunctionSpec {
  const ofSeconds = (seconds: number): number => part(civilTime(seconds));
  return define(
    name,
    ['vector'],
    'vector',
    async (call, scope) => {
      if (call.args.length === 0) return { type: 'vector', op: evaluationTimes(scope.steps, ofSeconds) };
      const op = await scope.vector(call.args[0]);
      const parts = await nameless(op, scope, (column) => {
        const { v, present, count } = column;
        for (let s = 0; s < count; s++) if (present[s] === FLOAT) v[s] = ofSeconds(v[s]);
        if (column.histograms !== null) dropHistograms(column);
      });
      return vectorResult(parts, scope);
    },
    { variadic: 1 },
  );
}

function evaluationTimes(steps: Steps, compute: (seconds: number) => number) {
  return {
    series: [{ labels: Labels.EMPTY, dropName: false }],
    fill(_i: number, out: { v: Float64Array; present: Uint8Array; count: number }): void {
      for (let s = 0; s < out.count; s++) out.v[s] = compute((steps.startMs + s * steps.stepMs) / 1000);
      out.present.fill(FLOAT);
    },
  };
}

export const calendarFunctions: readonly FunctionSpec[] = [
  datePart('days_in_month', daysInMonth),
  datePart('day_of_month', ({ day }) => day),
  datePart('day_of_week', ({ weekday }) => weekday),
  datePart('day_of_year', dayOfYear),
  datePart('hour', ({ hour }) => hour),
  datePart('minute', ({ minute }) => minute),
  datePart('month', ({ month }) => month),
  datePart('year', ({ year }) => year),
];
