import type { ReactNode } from 'react';
import { Sparkline } from '../../chart/sparkline.tsx';
import { num, obj, str } from '../../dashboard/json.ts';
import { type ReducedValue, reducedValues, type Shown, showValue } from '../../dashboard/series.ts';
import { useScheme } from '../../state/use-scheme.ts';
import type { PanelProps } from '../panel-props.ts';
import { divide } from '../tiles.ts';

export function StatPanel(props: PanelProps): ReactNode {
  const { panel, fields, width, height } = props;
  const values = reducedValues(panel, fields);
  const tiles = divide(width, height, Math.max(1, values.length), str(panel.options.orientation, 'auto'));
  return (
    <div className="am-tiles" style={{ width, height, ...tiles.style }}>
      {values.map((value, i) => (
        <StatTile
          // biome-ignore lint/suspicious/noArrayIndexKey: the tiles are positions, their names may repeat
          key={i}
          value={value}
          panel={panel}
          single={values.length === 1}
          width={tiles.width}
          height={tiles.height}
        />
      ))}
    </div>
  );
}

/** The sparkline has the foot of the tile to itself, so that no line runs through the number. */
const SPARK_SHARE = 0.3;

function StatTile(props: {
  readonly value: ReducedValue;
  readonly panel: PanelProps['panel'];
  readonly single: boolean;
  readonly width: number;
  readonly height: number;
}): ReactNode {
  const { value, panel, width, height } = props;
  const scheme = useScheme();
  const { options } = panel;
  const shown = showValue(value.item, value.value, scheme, Date.now());
  const mode = str(options.colorMode, 'value');
  const textMode = str(options.textMode, 'auto');
  const filled = mode === 'background' || mode === 'background_solid';
  const named = textMode === 'name' || textMode === 'value_and_name' || (textMode === 'auto' && !props.single);
  const withValue = textMode !== 'name' && textMode !== 'none';
  const { field } = value.item;
  const spark =
    str(options.graphMode, 'area') !== 'none' && field.kind !== 'text' && field.values.length > 1 && height > 50;
  const sparkHeight = spark ? Math.round(height * SPARK_SHARE) : 0;
  const color = shown.color ?? 'var(--am-text)';
  const size = num(obj(options.text).valueSize) ?? valueSize(shown, width, height - sparkHeight, named);
  return (
    <div
      className={filled ? 'am-stat am-filled' : 'am-stat'}
      style={{ paddingBottom: sparkHeight, ...(filled ? { background: shown.color ?? 'transparent' } : {}) }}
    >
      {spark && (
        <div className="am-stat-spark">
          <Sparkline
            values={field.values}
            width={width}
            height={sparkHeight}
            color={filled ? '#ffffff' : mode === 'none' ? 'var(--am-accent)' : color}
            min={value.item.config.min}
            max={value.item.config.max}
          />
        </div>
      )}
      {named && <div className="am-stat-name">{value.item.name}</div>}
      {withValue && (
        <div
          className="am-stat-value am-num"
          style={{ fontSize: size, color: filled || mode === 'none' ? undefined : color }}
        >
          {shown.prefix}
          {shown.number}
          {shown.suffix !== '' && <span className="am-stat-unit">{shown.suffix}</span>}
        </div>
      )}
    </div>
  );
}

/** The largest size in pixels that fits, between caption and headline. */
function valueSize(shown: Shown, width: number, height: number, named: boolean): number {
  const capitals = shown.number.replaceAll(/[^A-Z%]/g, '').length;
  const letters = shown.prefix.length + shown.number.length + capitals * 0.3 + shown.suffix.length * 0.6 + 0.6;
  const free = named ? height - 26 : height;
  return Math.max(14, Math.min(52, free * 0.7, (width - 16) / (letters * 0.58)));
}
