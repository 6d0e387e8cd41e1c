import { detectReset, FloatHistogram, type SampleColumns } from '@avalanche/model';
import { childrenOf, type Expr, type VectorSelector } from '../ast.ts';

const COUNT_AND_SUM = new Set(['histogram_count', 'histogram_sum', 'histogram_avg']);
const WHOLE = new Set(['histogram_quantile', 'histogram_quantiles', 'histogram_fraction']);

/** What is wanted of the histograms below an expression: count and sum, all of them, or what is above does not say. */
type Wanted = 'statistics' | 'buckets' | 'anything';

/**
 * The selectors of whose histograms only count and sum are wanted, and nowhere in the query more, as equal selectors are
 * read once. Not those in a subquery, which needs the buckets to see counter resets.
 */
export function selectorsOfStatistics(source: string, expr: Expr): ReadonlySet<VectorSelector> {
  const found: VectorSelector[] = [];
  const whole = new Set<string>();
  const textOf = ({ from, to }: VectorSelector): string => source.slice(from, to);
  const visit = (node: Expr, wanted: Wanted): void => {
    if (node.kind !== 'vectorSelector') for (const child of childrenOf(node)) visit(child, wantedBelow(node, wanted));
    else if (wanted === 'statistics') found.push(node);
    else whole.add(textOf(node));
  };
  visit(expr, 'anything');
  return new Set(found.filter((selector) => !whole.has(textOf(selector))));
}

function wantedBelow(expr: Expr, wanted: Wanted): Wanted {
  const cuts = expr.kind === 'binary' && (expr.op === '</' || expr.op === '>/');
  const whole = expr.kind === 'call' && WHOLE.has(expr.func.name);
  if (wanted === 'buckets' || expr.kind === 'subquery' || cuts || whole) return 'buckets';
  return expr.kind === 'call' && COUNT_AND_SUM.has(expr.func.name) ? 'statistics' : wanted;
}

/** Takes the buckets away, having looked at them for counter resets that the samples do not speak of themselves. */
export function keepStatistics(samples: SampleColumns): void {
  const histograms = samples.histograms ?? [];
  let previous: FloatHistogram | null = null;
  for (let i = 0; i < samples.length; i++) {
    const histogram = histograms[i];
    if (!histogram) continue;
    let hint = histogram.counterResetHint;
    if (hint === 'unknown' && previous !== null) hint = detectReset(histogram, previous) ? 'reset' : 'not_reset';
    const { schema, count, sum } = histogram;
    histograms[i] = new FloatHistogram({ counterResetHint: hint, schema, count, sum });
    previous = histogram;
  }
}
