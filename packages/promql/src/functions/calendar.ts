import { Labels } from '@avalanche/model';
import { FLOAT, type Steps } from '../columns.ts';
import { define, type FunctionSpec, nameless, vectorResult } from './spec.ts';

const DAY_MS = 86_400_000;

function daysInMonth(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getUTCFullYear(), 0, 1);
  return Math.floor((date.getTime() - start) / DAY_MS) + 1;
}

/** A part of the UTC date of each value (seconds since the epoch); without an argument, of the evaluation time. */
function datePart(name: string, part: (date: Date) => number): FunctionSpec {
  const ofSeconds = (seconds: number): number => part(new Date(Math.trunc(seconds) * 1000));
  return define(
    name,
    ['vector'],
    'vector',
    async (call, scope) => {
      if (call.args.length === 0) return { type: 'vector', op: evaluationTimes(scope.steps, ofSeconds) };
      const op = await scope.vector(call.args[0]);
      const parts = nameless(op, scope, ({ v, present, count }) => {
        for (let s = 0; s < count; s++) if (present[s] === FLOAT) v[s] = ofSeconds(v[s]);
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
  datePart('day_of_month', (date) => date.getUTCDate()),
  datePart('day_of_week', (date) => date.getUTCDay()),
  datePart('day_of_year', dayOfYear),
  datePart('hour', (date) => date.getUTCHours()),
  datePart('minute', (date) => date.getUTCMinutes()),
  datePart('month', (date) => date.getUTCMonth() + 1),
  datePart('year', (date) => date.getUTCFullYear()),
];
