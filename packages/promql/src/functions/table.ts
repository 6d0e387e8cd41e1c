import { absentFunctions } from './absent.ts';
import { calendarFunctions } from './calendar.ts';
import { conversionFunctions } from './conversion.ts';
import { counterFunctions } from './counter.ts';
import { histogramFunctions } from './histogram.ts';
import { infoFunctions } from './info.ts';
import { labelFunctions } from './label.ts';
import { mathFunctions } from './math.ts';
import { overTimeFunctions } from './over-time.ts';
import { regressionFunctions } from './regression.ts';
import type { FunctionSignature } from './signature.ts';
import { sortFunctions } from './sort.ts';
import type { FunctionSpec, Implementation } from './spec.ts';

const TABLE: ReadonlyMap<string, FunctionSpec> = new Map(
  [
    absentFunctions,
    calendarFunctions,
    conversionFunctions,
    counterFunctions,
    histogramFunctions,
    infoFunctions,
    labelFunctions,
    mathFunctions,
    overTimeFunctions,
    regressionFunctions,
    sortFunctions,
  ]
    .flat()
    .map((spec) => [spec.name, spec]),
);

/** Signatures of all functions, by name. */
export const functionSignatures: readonly FunctionSignature[] = [...TABLE.values()];

export function findFunction(name: string): FunctionSignature | undefined {
  return TABLE.get(name);
}

/** Whether a range function goes through the samples of every window anew. */
export function rescansWindows(name: string): boolean {
  return TABLE.get(name)?.rescans ?? false;
}

export function implementationOf(name: string): Implementation {
  const spec = TABLE.get(name);
  if (!spec) throw new Error(`BUG: function ${name} was parsed but is not in the table`);
  return spec.prepare;
}
