import type { ReactNode } from 'react';
import { Sparkline } from '../../chart/sparkline.tsx';
import { num, obj, str } from '../../dashboard/json.ts';
import { type ReducedValue, reducedValues, type Shown, showValue } from '../../dashboard/series.ts';
import { useScheme } from '../../state/use-scheme.ts';
import type { PanelProps } from '../panel-props.ts';
import { divide } from '../tiles.ts';

/** One or more big numbers. All tiles of a panel share one size of number and one height of sparkline. */
export function StatPanel(props: PanelProps): ReactNode {
  const { panel, fields, width, height } = props;
  const scheme = useScheme();
  const values = reducedValues(panel, fields);
  const shown = values.map(({ item, value }) => showValue(item, value, scheme, Date.now()));
  const tiles = divide(width, height, Math.max(1, values.length), str(panel.options.orientation, 'auto'));
  const named = isNamed(str(panel.options.textMode, 'auto'), values.length);
  const spark = values.some(({ item }) => hasSpark(panel, item, tiles.height));
  const sparkHeight = spark ? Math.round(tiles.height * SPARK_SHARE) : 0;
  const fitting = shown.map((each) => valueSize(each, tiles.width, tiles.height - sparkHeight, named));
  const size = num(obj(panel.options.text).valueSize) ?? Math.min(...fitting);
  return (
    <div className="am-tiles" style={{ width, height, ...tiles.style }}>
      {values.map((value, i) => (
        <StatTile
          // biome-ignore lint/suspicious/noArrayIndexKey: the tiles are positions, their names may repeat
          key={i}
          item={value.item}
          shown={shown[i]!}
          panel={panel}
          named={named}
          size={size}
          width={tiles.width}
          sparkHeight={sparkHeight}
        />
      ))}
    </div>
  );
}

/** The sparkline has the foot of the tile to itself, so that no line runs through the number. */
const SPARK_SHARE = 0.3;
const SPARK_TILE_MIN_PX = 50;

function isNamed(textMode: string, count: number): boolean {
  return textMode === 'name' || textMode === 'value_and_name' || (textMode === 'auto' && count > 1);
}

function hasSpark(panel: PanelProps['panel'], { field }: ReducedValue['item'], height: number): boolean {
  if (str(panel.options.graphMode, 'area') === 'none' || height <= SPARK_TILE_MIN_PX) return false;
  return field.kind !== 'text' && field.values.length > 1;
}

function StatTile(props: {
  readonly item: ReducedValue['item'];
  readonly shown: Shown;
  readonly panel: PanelProps['panel'];
  readonly named: boolean;
  /** Of the number, in pixels. */
  readonly size: number;
  readonly width: number;
  /** 0 where the panel has no sparklines. */
  readonly sparkHeight: number;
}): ReactNode {
  const { item, shown, named, size, sparkHeight } = props;
  const { options } = props.panel;
  const mode = str(options.colorMode, 'value');
  const textMode = str(options.textMode, 'auto');
  const filled = mode === 'background' || mode === 'background_solid';
  const withValue = textMode !== 'name' && textMode !== 'none';
  const color = shown.color ?? 'var(--am-text)';
  return (
    <div
      className={filled ? 'am-stat am-filled' : 'am-stat'}
      style={{ paddingBottom: sparkHeight, ...(filled ? { background: shown.color ?? 'transparent' } : {}) }}
    >
      {sparkHeight > 0 && item.field.kind !== 'text' && (
        <div className="am-stat-spark">
          <Sparkline
            values={item.field.values}
            width={props.width}
            height={sparkHeight}
            color={filled ? '#ffffff' : mode === 'none' ? 'var(--am-accent)' : color}
            min={item.config.min}
            max={item.config.max}
          />
        </div>
      )}
      {named && <div className="am-stat-name">{item.name}</div>}
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
