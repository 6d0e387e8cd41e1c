import { type MatrixSeries, seriesName } from '../../api/prometheus/query.ts';

export interface AlertEvent {
  readonly key: string;
  readonly atMs: number;
  readonly kind: 'fired' | 'ended';
  readonly name: string;
  readonly severity: string | undefined;
  readonly instance: string;
}

/** Beginnings and ends of the stretches in which alerts fired, newest first. What was so before the range is no event. */
export function eventsOfAlerts(
  series: readonly MatrixSeries[],
  { startMs, endMs, stepMs }: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
): readonly AlertEvent[] {
  const events = series.flatMap(({ metric, values = [] }) => {
    const base = {
      key: seriesName(metric),
      name: metric.alertname ?? '',
      severity: metric.severity,
      instance: metric.instance ?? metric.job ?? '',
    };
    const times = values.map(([seconds]) => seconds * 1000);
    return times.flatMap((atMs, i): AlertEvent[] => {
      const begins = atMs - (times[i - 1] ?? Number.NEGATIVE_INFINITY) > stepMs * 1.5 && atMs > startMs + stepMs;
      const ends = (times[i + 1] ?? Number.POSITIVE_INFINITY) - atMs > stepMs * 1.5 && atMs < endMs - stepMs;
      return [
        ...(begins ? [{ ...base, atMs, kind: 'fired' as const }] : []),
        ...(ends ? [{ ...base, atMs: atMs + stepMs, kind: 'ended' as const }] : []),
      ];
    });
  });
  return events.sort((a, b) => b.atMs - a.atMs);
}
