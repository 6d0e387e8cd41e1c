import { type ReactNode, useId } from 'react';

/** A small line without axes, as SVG. Gaps stay gaps. */
export function Sparkline(props: {
  readonly values: Float64Array;
  readonly width: number;
  readonly height: number;
  readonly color: string;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}): ReactNode {
  const { values, width, height, color } = props;
  const id = useId();
  const runs = sparkRuns(values, width, height, props.min, props.max);
  if (runs.length === 0 || width < 4) return <svg width={width} height={height} aria-hidden="true" />;
  return (
    <svg width={width} height={height} aria-hidden="true" className="am-sparkline">
      <defs>
        <linearGradient id={id} x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" stopColor={color} stopOpacity="0.28" />
          <stop offset="1" stopColor={color} stopOpacity="0.03" />
        </linearGradient>
      </defs>
      {runs.map(({ line, fromX, toX }) => (
        <g key={fromX}>
          <path d={`${line}L${toX},${height}L${fromX},${height}Z`} fill={`url(#${id})`} />
          <path d={line} fill="none" stroke={color} strokeWidth="1.5" strokeLinejoin="round" />
        </g>
      ))}
    </svg>
  );
}

interface Run {
  readonly line: string;
  readonly fromX: string;
  readonly toX: string;
}

/** SVG paths of the unbroken stretches, scaled into the box. */
export function sparkRuns(values: Float64Array, width: number, height: number, min?: number, max?: number): Run[] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [];
  low = min ?? (low > 0 && low / (high || 1) < 0.5 ? 0 : low);
  high = Math.max(max ?? high, high);
  const span = high - low;
  const x = (i: number): string => ((i / Math.max(1, values.length - 1)) * width).toFixed(1);
  const y = (value: number): string =>
    (span === 0 ? height / 2 : 2 + (1 - (value - low) / span) * (height - 4)).toFixed(1);
  const runs: Run[] = [];
  let start = -1;
  for (let i = 0; i <= values.length; i++) {
    const good = i < values.length && Number.isFinite(values[i]);
    if (good && start < 0) start = i;
    if (good || start < 0) continue;
    let line = `M${x(start)},${y(values[start]!)}`;
    for (let at = start + 1; at < i; at++) line += `L${x(at)},${y(values[at]!)}`;
    runs.push({ line: i - start === 1 ? `${line}h1` : line, fromX: x(start), toX: x(i - 1) });
    start = -1;
  }
  return runs;
}
