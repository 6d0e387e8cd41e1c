import type { ReactNode } from 'react';
import { str } from '../../dashboard/json.ts';
import { type ReducedValue, reducedValues, showValue } from '../../dashboard/series.ts';
import { useScheme } from '../../state/use-scheme.ts';
import type { PanelProps } from '../panel-props.ts';

const isNumber = (value: number | string): value is number => typeof value === 'number' && Number.isFinite(value);

export function BargaugePanel({ panel, fields, width, height }: PanelProps): ReactNode {
  const values = reducedValues(panel, fields);
  const numbers = values.map(({ value }) => value).filter(isNumber);
  const biggest = Math.max(...numbers, 0) || 1;
  const upright = str(panel.options.orientation, 'auto') === 'vertical';
  const mode = str(panel.options.displayMode, 'gradient');
  return (
    <div className={upright ? 'am-bars am-upright' : 'am-bars'} style={{ width, height }}>
      {values.map((value, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the bars are positions, their names may repeat
        <Bar key={i} value={value} biggest={biggest} lcd={mode === 'lcd'} upright={upright} named={values.length > 1} />
      ))}
    </div>
  );
}

function Bar(props: {
  readonly value: ReducedValue;
  readonly biggest: number;
  readonly lcd: boolean;
  readonly upright: boolean;
  readonly named: boolean;
}): ReactNode {
  const { value, upright } = props;
  const scheme = useScheme();
  const shown = showValue(value.item, value.value, scheme);
  const { min = 0, max = props.biggest } = value.item.config;
  const share = isNumber(value.value) ? Math.max(0, Math.min(1, (value.value - min) / (max - min || 1))) : 0;
  const color = shown.color ?? 'var(--am-accent)';
  const length = `${(share * 100).toFixed(2)}%`;
  return (
    <div className="am-bar">
      {(props.named || upright) && (
        <div className="am-bar-name" title={value.item.name}>
          {value.item.name}
        </div>
      )}
      <div className="am-bar-track">
        <div
          className={props.lcd ? 'am-bar-fill am-lcd' : 'am-bar-fill'}
          style={{ background: color, ...(upright ? { height: length } : { width: length }) }}
        />
      </div>
      <div className="am-bar-value am-num" style={{ color }}>
        {shown.text}
      </div>
    </div>
  );
}
