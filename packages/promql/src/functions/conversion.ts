import { Labels } from '@avalanche/model';
import { unparen, type VectorSelector } from '../ast.ts';
import { ABSENT, EMPTY_VECTOR, FLOAT, StepColumn, type VectorOperator } from '../columns.ts';
import type { Picked } from '../histograms/select.ts';
import type { Prepared, Scope } from '../plan.ts';
import { extentOf, selectVector } from '../selector.ts';
import { goMax, goMin } from './go-math.ts';
import { define, type FunctionSpec, nameless, vectorResult } from './spec.ts';

/** The value of the only series at each step, else NaN. */
async function toScalar(op: VectorOperator, { run, steps }: Scope): Promise<Float64Array> {
  const column = new StepColumn(steps.count);
  const found = new Uint32Array(steps.count);
  const values = new Float64Array(steps.count);
  for (let i = 0; i < op.series.length; i++) {
    op.fill(i, column);
    for (let s = 0; s < steps.count; s++) {
      if (column.present[s] !== FLOAT) continue;
      found[s]++;
      values[s] = column.v[s];
    }
    if (run.due()) await run.pause();
  }
  return values.map((value, s) => (found[s] === 1 ? value : Number.NaN));
}

function constant(name: string, value: (scope: Scope) => number, experimental = false): FunctionSpec {
  return define(
    name,
    [],
    'scalar',
    async (_call, scope) => ({ type: 'scalar', values: new Float64Array(scope.steps.count).fill(value(scope)) }),
    { experimental },
  );
}

function ofTwoScalars(name: string, compute: (a: number, b: number) => number): FunctionSpec {
  return define(
    name,
    ['scalar', 'scalar'],
    'scalar',
    async (call, scope) => {
      const a = await scope.scalar(call.args[0]);
      const b = await scope.scalar(call.args[1]);
      return { type: 'scalar', values: a.map((value, s) => compute(value, b[s])) };
    },
    { experimental: true },
  );
}

/** Of a selector, the times of the samples; of anything else, the times of the steps. */
const timestamp = define('timestamp', ['vector'], 'vector', async (call, scope) => {
  const argument = unparen(call.args[0]);
  if (argument.kind === 'vectorSelector') {
    return pickedOf(argument, 'time', scope);
  }
  const op = await scope.vector(call.args[0]);
  const { startMs, stepMs } = scope.steps;
  const times = await nameless(op, scope, (column) => {
    const { present, count } = column;
    for (let s = 0; s < count; s++) if (present[s] !== ABSENT) column.set(s, (startMs + s * stepMs) / 1000);
    column.histograms = null;
  });
  return vectorResult(times, scope);
});

/** When each sample's counter started, 0 where that is not known. Only a selector knows that. */
const startTimestamp = define(
  'start_timestamp',
  ['vector'],
  'vector',
  async (call, scope) => {
    const argument = unparen(call.args[0]);
    const known = argument.kind === 'vectorSelector' && scope.run.options.startTimestamps;
    if (known) return pickedOf(argument, 'start', scope);
    await scope.vector(call.args[0]);
    return { type: 'vector', op: EMPTY_VECTOR };
  },
  { experimental: true },
);

async function pickedOf(selector: VectorSelector, picked: Picked, scope: Scope): Promise<Prepared> {
  const op = await selectVector(selector, scope.steps, scope.run, picked);
  return vectorResult(await nameless(op, scope, () => {}), scope);
}

export const conversionFunctions: readonly FunctionSpec[] = [
  define('scalar', ['vector'], 'scalar', async (call, scope) => ({
    type: 'scalar',
    values: await toScalar(await scope.vector(call.args[0]), scope),
  })),
  define('vector', ['scalar'], 'vector', async (call, scope) => {
    const values = await scope.scalar(call.args[0]);
    const op: VectorOperator = {
      series: [{ labels: Labels.EMPTY, dropName: false }],
      fill(_i, out) {
        out.v.set(values);
        out.present.fill(FLOAT);
      },
    };
    return { type: 'vector', op };
  }),
  define('time', [], 'scalar', async (_call, { steps }) => ({
    type: 'scalar',
    values: new Float64Array(steps.count).map((_, s) => (steps.startMs + s * steps.stepMs) / 1000),
  })),
  timestamp,
  startTimestamp,
  constant('pi', () => Math.PI),
  constant('start', ({ run }) => run.steps.startMs / 1000, true),
  constant('end', ({ run }) => run.options.endMs / 1000, true),
  constant('step', ({ run }) => extentOf(run).stepMs / 1000, true),
  constant('range', ({ run }) => extentOf(run).rangeMs / 1000, true),
  ofTwoScalars('min_of', goMin),
  ofTwoScalars('max_of', goMax),
];
