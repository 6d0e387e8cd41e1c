import { quote } from '../quote.ts';

/** What queries over native histograms have to say beside their results, in upstream's words. */

type HistogramOperation = 'addition' | 'subtraction' | 'aggregation';

/** Takes a warning or an info about one expression. */
export type Note = (kind: 'warn' | 'info', text: string) => void;

export function mixedFloatsHistograms(metricName: string): string {
  return `encountered a mix of histograms and floats for metric name ${quote(metricName)}`;
}

export const MIXED_IN_AGGREGATION = 'encountered a mix of histograms and floats for aggregation';

export function mixedClassicNative(metricName: string): string {
  return `vector contains a mix of classic and native histograms${forMetric(metricName)}`;
}

export function mixedExponentialCustom(metricName: string): string {
  const what = 'vector contains a mix of histograms with exponential and custom buckets schemas';
  return `${what} for metric name ${quote(metricName)}`;
}

export function notCounter(metricName: string): string {
  return `this native histogram metric is not a counter: ${quote(metricName)}`;
}

export function notGauge(metricName: string): string {
  return `this native histogram metric is not a gauge: ${quote(metricName)}`;
}

export function incompatibleBuckets(operator: string): string {
  return `incompatible bucket layout encountered for binary operator ${operator}`;
}

export function incompatibleTypes(left: string, operator: string, right: string): string {
  const what = 'incompatible sample types encountered for binary operator';
  return `${what} "${operator}": ${left} ${operator} ${right}`;
}

export function ignoredInAggregation(aggregation: string): string {
  return `ignored histogram in ${aggregation} aggregation`;
}

export function ignoredInRange(metricName: string): string {
  const where = 'a range containing both floats and histograms';
  return `ignored histograms in ${where} for metric name ${quote(metricName)}`;
}

export function resetCollision(operation: HistogramOperation): string {
  return `conflicting counter resets during histogram ${operation}`;
}

export function boundsReconciled(operation: HistogramOperation): string {
  return `mismatched custom buckets were reconciled during ${operation}`;
}

export function quantileIsNaN(metricName: string): string {
  return `input to histogram_quantile has NaN observations, result is NaN${forMetric(metricName)}`;
}

export function quantileIsSkewed(metricName: string): string {
  return `input to histogram_quantile has NaN observations, result is skewed higher${forMetric(metricName)}`;
}

export function fractionsExcludeNaN(metricName: string): string {
  const what = 'input to histogram_fraction has NaN observations, which are excluded from all fractions';
  return `${what}${forMetric(metricName)}`;
}

function forMetric(metricName: string): string {
  return metricName === '' ? '' : ` for metric name ${quote(metricName)}`;
}
