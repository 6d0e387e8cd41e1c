import { compileAnchored, type Labels, METRIC_NAME } from '@avalanche/model';
import type { Call } from '../ast.ts';
import type { SeriesMeta, VectorOperator } from '../columns.ts';
import { executionError } from '../error.ts';
import type { Prepared, Scope } from '../plan.ts';
import { isValidLabelName, wellFormed } from '../quote.ts';
import { define, type FunctionSpec, vectorResult } from './spec.ts';

/** The same values under other labels, where `change` gives any. A name that is set is no longer to be dropped. */
function relabel(
  op: VectorOperator,
  destination: string,
  scope: Scope,
  change: (labels: Labels) => Labels | null,
): Promise<Prepared> {
  const series = op.series.map((meta): SeriesMeta => {
    const labels = change(meta.labels);
    if (labels === null) return meta;
    return { labels, dropName: destination === METRIC_NAME ? false : meta.dropName };
  });
  return vectorResult({ series, fill: (i, out) => op.fill(i, out) }, scope);
}

async function labelReplace(call: Call, scope: Scope): Promise<Prepared> {
  const [destination, replacement, source, pattern] = await strings(call, scope);
  const regex = compilePattern(pattern);
  if (!isValidLabelName(destination)) {
    throw executionError(`invalid destination label name in label_replace(): ${wellFormed(destination)}`);
  }
  const op = await scope.vector(call.args[0]);
  const results = new Map<string, string | null>();
  return relabel(op, destination, scope, (labels) => {
    const value = labels.get(source);
    let result = results.get(value);
    if (result === undefined) {
      result = regex.expand(value, replacement);
      results.set(value, result);
    }
    return result === null ? null : labels.withLabel(destination, result);
  });
}

function compilePattern(pattern: string): ReturnType<typeof compileAnchored> {
  try {
    return compileAnchored(pattern);
  } catch {
    throw executionError(`invalid regular expression in label_replace(): ${pattern}`);
  }
}

async function labelJoin(call: Call, scope: Scope): Promise<Prepared> {
  const [destination, separator, ...sources] = await strings(call, scope);
  const invalid = sources.find((name) => !isValidLabelName(name));
  if (invalid !== undefined) throw executionError(`invalid source label name in label_join(): ${wellFormed(invalid)}`);
  if (!isValidLabelName(destination)) {
    throw executionError(`invalid destination label name in label_join(): ${wellFormed(destination)}`);
  }
  const op = await scope.vector(call.args[0]);
  return relabel(op, destination, scope, (labels) =>
    labels.withLabel(destination, sources.map((name) => labels.get(name)).join(separator)),
  );
}

async function strings(call: Call, scope: Scope): Promise<string[]> {
  const values: string[] = [];
  for (const arg of call.args.slice(1)) values.push(await scope.string(arg));
  return values;
}

export const labelFunctions: readonly FunctionSpec[] = [
  define('label_replace', ['vector', 'string', 'string', 'string', 'string'], 'vector', labelReplace),
  define('label_join', ['vector', 'string', 'string', 'string'], 'vector', labelJoin, { variadic: -1 }),
];
