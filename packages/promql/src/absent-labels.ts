import { Labels, METRIC_NAME } from '@avalanche/model';
import { type Expr, unparen } from './ast.ts';

/**
 * The labels of what `absent` and `absent_over_time` give: those that the selector demands with `=` and with no second
 * matcher. An argument that is no selector gives no labels.
 */
export function absentLabels(argument: Expr): Labels {
  let labels = known.get(argument);
  if (labels === undefined) {
    labels = demanded(argument);
    known.set(argument, labels);
  }
  return labels;
}

/** Queries that are asked again were parsed once. */
const known = new WeakMap<Expr, Labels>();

function demanded(argument: Expr): Labels {
  const expr = unparen(argument);
  const selector = expr.kind === 'matrixSelector' ? expr.selector : expr;
  if (selector.kind !== 'vectorSelector') return Labels.EMPTY;
  const values = new Map<string, string>();
  const contradicted = new Set<string>();
  for (const { name, type, value } of selector.matchers) {
    if (name === METRIC_NAME) continue;
    if (type === '=' && !values.has(name)) values.set(name, value);
    else contradicted.add(name);
  }
  for (const name of contradicted) values.delete(name);
  return Labels.fromMap(values);
}
