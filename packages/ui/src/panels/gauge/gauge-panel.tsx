import type { ReactNode } from 'react';
import { cssColor, type Scheme } from '../../dashboard/color.ts';
import { thresholdBounds } from '../../dashboard/field-config.ts';
import { str } from '../../dashboard/json.ts';
import { type ReducedValue, reducedValues, showValue } from '../../dashboard/series.ts';
import { useScheme } from '../../state/use-scheme.ts';
import type { PanelProps } from '../panel-props.ts';
import { divide } from '../tiles.ts';

export function GaugePanel({ panel, fields, width, height }: PanelProps): ReactNode {
  const scheme = useScheme();
  const values = reducedValues(panel, fields);
  const orientation = str(panel.options.orientation, 'auto');
  const tiles = divide(width, height, Math.max(1, values.length), orientation === 'horizontal' ? 'auto' : orientation);
  return (
    <div className="am-tiles" style={{ width, height, ...tiles.style }}>
      {values.map((value, i) => (
        <Gauge
          // biome-ignore lint/suspicious/noArrayIndexKey: the tiles are positions, their names may repeat
          key={i}
          value={value}
          named={values.length > 1}
          marks={panel.options.showThresholdMarkers !== false}
          width={tiles.width}
          height={tiles.height}
          scheme={scheme}
        />
      ))}
    </div>
  );
}

/** The dial opens downwards: 240 degrees from lower left to lower right. */
const START = (150 * Math.PI) / 180;
const SWEEP = (240 * Math.PI) / 180;

function arc(cx: number, cy: number, r: number, from: number, to: number): string {
  const a = START + SWEEP * from;
  const b = START + SWEEP * to;
  const large = b - a > Math.PI ? 1 : 0;
  const point = (angle: number): string =>
    `${(cx + r * Math.cos(angle)).toFixed(2)},${(cy + r * Math.sin(angle)).toFixed(2)}`;
  return `M${point(a)}A${r},${r} 0 ${large} 1 ${point(b)}`;
}

function Gauge(props: {
  readonly value: ReducedValue;
  readonly named: boolean;
  readonly marks: boolean;
  readonly width: number;
  readonly height: number;
  readonly scheme: Scheme;
}): ReactNode {
  const { value, width, scheme } = props;
  const { config, name } = value.item;
  const shown = showValue(value.item, value.value, scheme);
  const min = config.min ?? 0;
  const max = config.max ?? 100;
  const number = typeof value.value === 'number' ? value.value : Number.NaN;
  const share = (at: number): number => Math.max(0, Math.min(1, (at - min) / (max - min || 1)));
  const height = props.height - (props.named ? 18 : 0);
  const r = Math.max(8, Math.min(width / 2 - 6, height / 1.5 - 5));
  const thick = Math.max(4, r * 0.2);
  const cx = width / 2;
  const cy = (height - 1.5 * r) / 2 + r;
  const radius = r - thick / 2 - (props.marks ? 5 : 0);
  const size = Math.max(
    12,
    Math.min(34, r * 0.42, ((radius - thick / 2) * 1.8) / Math.max(4, shown.text.length * 0.6)),
  );
  return (
    <div className="am-gauge">
      <svg width={width} height={height} role="img" aria-label={`${name}: ${shown.text}`}>
        <path d={arc(cx, cy, radius, 0, 1)} fill="none" stroke="var(--am-track)" strokeWidth={thick} />
        {!Number.isNaN(number) && share(number) > 0 && (
          <path
            d={arc(cx, cy, radius, 0, share(number))}
            fill="none"
            stroke={shown.color ?? 'var(--am-accent)'}
            strokeWidth={thick}
          />
        )}
        {props.marks && <Marks {...{ value, share, cx, cy, min, max, scheme }} r={r - 1.5} />}
        <text
          x={cx}
          y={cy + size * 0.35}
          textAnchor="middle"
          fontSize={size}
          className="am-gauge-value"
          fill={shown.color ?? 'currentColor'}
        >
          {shown.text}
        </text>
      </svg>
      {props.named && <div className="am-stat-name">{name}</div>}
    </div>
  );
}

function Marks(props: {
  readonly value: ReducedValue;
  readonly share: (at: number) => number;
  readonly cx: number;
  readonly cy: number;
  readonly r: number;
  readonly min: number;
  readonly max: number;
  readonly scheme: Scheme;
}): ReactNode {
  const { thresholds } = props.value.item.config;
  const bounds = [
    { value: props.min, color: thresholds.steps[0]!.color },
    ...thresholdBounds(thresholds, props.min, props.max),
  ];
  return bounds.map(({ value, color }, i) => {
    const from = props.share(value);
    const to = props.share(bounds[i + 1]?.value ?? props.max);
    if (to <= from) return null;
    const d = arc(props.cx, props.cy, props.r, from, to);
    return <path key={value} d={d} fill="none" stroke={cssColor(color, props.scheme)} strokeWidth="3" />;
  });
}
