import { type CSSProperties, type ReactNode, useMemo, useState } from 'react';
import type { Scheme } from '../../dashboard/color.ts';
import { arr, num, obj, str } from '../../dashboard/json.ts';
import { type ResolvedField, showValue } from '../../dashboard/series.ts';
import { useScheme } from '../../state/use-scheme.ts';
import type { PanelProps } from '../panel-props.ts';

interface Sort {
  readonly name: string;
  readonly descending: boolean;
}

const PAGE_ROWS = 100;

/** Rows of the first frame (or of all series, one row each) under headers that sort. */
export function TablePanel({ panel, fields, width, height }: PanelProps): ReactNode {
  const scheme = useScheme();
  const preset = obj(arr(panel.options.sortBy)[0]);
  const [chosen, setChosen] = useState<Sort | undefined>(undefined);
  const [rowsMax, setRowsMax] = useState(PAGE_ROWS);
  const sort =
    chosen ?? (preset.displayName ? { name: str(preset.displayName), descending: preset.desc === true } : undefined);
  const frame = fields[0]?.frame;
  const columns = fields.filter((item) => item.frame === frame && item.config.custom.hidden !== true);
  const rows = useMemo(() => orderOf(columns, frame?.length ?? 0, sort), [columns, frame, sort]);
  return (
    <div className="am-table-scroll" style={{ width, height }}>
      <table className="am-table">
        {panel.options.showHeader !== false && (
          <thead>
            <tr>
              {columns.map((item) => (
                <HeaderCell key={`${item.name}-${item.field.refId}`} item={item} sort={sort} onSort={setChosen} />
              ))}
            </tr>
          </thead>
        )}
        <tbody>
          {rows.slice(0, rowsMax).map((row) => (
            <tr key={row}>
              {columns.map((item) => (
                <Cell key={`${item.name}-${item.field.refId}`} item={item} row={row} scheme={scheme} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > rowsMax && (
        <button type="button" className="am-more" onClick={() => setRowsMax(rowsMax + PAGE_ROWS)}>
          Show more ({rows.length - rowsMax} rows left)
        </button>
      )}
    </div>
  );
}

function HeaderCell(props: {
  readonly item: ResolvedField;
  readonly sort: Sort | undefined;
  readonly onSort: (sort: Sort) => void;
}): ReactNode {
  const { item, sort } = props;
  const active = sort?.name === item.name;
  return (
    <th
      style={{ textAlign: alignment(item), ...columnWidth(item) }}
      aria-sort={active ? (sort.descending ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        onClick={() => props.onSort({ name: item.name, descending: active ? !sort.descending : false })}
      >
        {item.name}
        {active ? (sort.descending ? ' ↓' : ' ↑') : ''}
      </button>
    </th>
  );
}

function alignment({ field, config }: ResolvedField): 'left' | 'right' | 'center' {
  const wanted = str(config.custom.align, 'auto');
  if (wanted === 'left' || wanted === 'right' || wanted === 'center') return wanted;
  return field.kind === 'number' ? 'right' : 'left';
}

function columnWidth({ config }: ResolvedField): CSSProperties {
  const width = num(config.custom.width);
  const minWidth = num(config.custom.minWidth);
  return { ...(width ? { width } : {}), ...(minWidth ? { minWidth } : {}) };
}

function Cell({
  item,
  row,
  scheme,
}: {
  readonly item: ResolvedField;
  readonly row: number;
  readonly scheme: Scheme;
}): ReactNode {
  const value = item.field.values[row] ?? '';
  const shown = showValue(item, value, scheme, Date.now());
  const type = cellType(item);
  const style: CSSProperties = { textAlign: alignment(item) };
  if (type === 'color-background' && shown.color) {
    style.background = shown.color;
    style.color = scheme === 'dark' ? '#10141a' : '#ffffff';
  } else if (type === 'color-text' && shown.color) style.color = shown.color;
  if (type === 'gauge' && typeof value === 'number') {
    const { min = 0, max = 100 } = item.config;
    const share = Math.max(0, Math.min(1, (value - min) / (max - min || 1)));
    return (
      <td className="am-num">
        <div className="am-cell-gauge">
          <div className="am-bar-track">
            <div className="am-bar-fill" style={{ width: `${share * 100}%`, background: shown.color }} />
          </div>
          {shown.text}
        </div>
      </td>
    );
  }
  return (
    <td style={style} className={item.field.kind === 'text' ? undefined : 'am-num'} title={shown.text}>
      {shown.text}
    </td>
  );
}

function cellType({ config }: ResolvedField): string {
  const now = str(obj(config.custom.cellOptions).type);
  const type = now || str(config.custom.displayMode, 'auto');
  return type === 'basic' || type === 'gradient-gauge' || type === 'lcd-gauge'
    ? 'gauge'
    : type.replace(/^(color-background).*/, '$1');
}

function orderOf(columns: readonly ResolvedField[], length: number, sort: Sort | undefined): readonly number[] {
  const rows = Array.from({ length }, (_, i) => i);
  const values = columns.find((item) => item.name === sort?.name)?.field.values;
  if (!sort || !values) return rows;
  const sign = sort.descending ? -1 : 1;
  return rows.sort((a, b) => {
    const [x, y] = [values[a]!, values[b]!];
    if (typeof x === 'string' || typeof y === 'string') {
      return sign * String(x).localeCompare(String(y), 'en', { numeric: true });
    }
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return sign * (x - y);
  });
}
