import { lazy, type ReactNode, Suspense } from 'react';
import type { PrometheusClient } from '../../api/prometheus/client.ts';
import type { AlertingRule } from '../../api/prometheus/rules.ts';
import { useRemote } from '../../api/use-remote.ts';
import type { ChartMoment } from '../../chart/chart-model.ts';
import { cssColor } from '../../dashboard/color.ts';
import { Failed, Skeleton } from '../../shell/pictures.tsx';
import { useScheme } from '../../state/use-scheme.ts';
import { comparedLevel, graphWindowMs } from './alert-model.ts';

const ResultGraph = lazy(async () => ({ default: (await import('../query/result-graph.tsx')).ResultGraph }));
const HEIGHT = 220;
const POINTS = 480;

/** The expression over the last hours; where it ends in a comparison, the left side with the level as a line. */
export function AlertGraph(props: { readonly rule: AlertingRule; readonly prometheus: PrometheusClient }): ReactNode {
  const { rule, prometheus } = props;
  const scheme = useScheme();
  const compared = comparedLevel(rule.query);
  const expr = compared?.left ?? rule.query;
  const begins = (rule.alerts ?? []).map(({ activeAt }) => Date.parse(activeAt ?? '')).filter(Number.isFinite);
  const firstMs = begins.length > 0 ? Math.min(...begins) : undefined;
  const remote = useRemote(
    `alert graph ${expr} ${firstMs}`,
    async (signal) => {
      const windowMs = graphWindowMs(firstMs, Date.now());
      const stepMs = Math.max(5000, windowMs / POINTS);
      const endMs = Math.ceil(Date.now() / stepMs) * stepMs;
      const timing = { startMs: endMs - windowMs, endMs, stepMs };
      return { timing, result: (await prometheus.queryRange({ expr, ...timing }, signal)).data };
    },
    { refreshMs: 30_000, keep: true },
  );
  if (!remote.data) {
    if (!remote.error) return <Skeleton height={HEIGHT} />;
    return <Failed title="The expression could not be drawn" message={remote.error.message} onRetry={remote.reload} />;
  }
  const color = cssColor('red', scheme);
  return (
    <Suspense fallback={<Skeleton height={HEIGHT} />}>
      <ResultGraph
        expr={expr}
        result={remote.data.result}
        timing={remote.data.timing}
        height={HEIGHT}
        thresholds={compared ? [{ value: compared.level, color, line: true, dashed: true, area: false }] : []}
        moments={momentsOf(rule, cssColor('orange', scheme), color)}
        legend={remote.data.result.resultType === 'matrix' && remote.data.result.result.length > 1}
      />
    </Suspense>
  );
}

const SHOWN_ALERTS = 3;

function momentsOf(rule: AlertingRule, pendingColor: string, firingColor: string): readonly ChartMoment[] {
  return (rule.alerts ?? []).slice(0, SHOWN_ALERTS).flatMap((alert) => {
    const atMs = Date.parse(alert.activeAt ?? '');
    const fired = { atMs: atMs + rule.duration * 1000, color: firingColor, label: 'firing' };
    if (rule.duration === 0) return [fired];
    const pending = { atMs, color: pendingColor, label: 'pending' };
    return alert.state === 'firing' ? [pending, fired] : [pending];
  });
}
