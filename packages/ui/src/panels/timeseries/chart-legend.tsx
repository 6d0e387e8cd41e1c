import { type ReactNode, useMemo, useState } from 'react';
import type { NumberField } from '../../dashboard/frame.ts';
import { reduce, reducerLabel } from '../../dashboard/reducers.ts';
import type { PanelSeries } from './series-of-fields.ts';

interface LegendProps {
  readonly series: readonly PanelSeries[];
  readonly table: boolean;
  readonly calcs: readonly string[];
  readonly sortBy: string;
  readonly sortDescending: boolean;
  readonly hidden: ReadonlySet<string>;
  readonly maxHeight: number;
  readonly onToggle: (name: string, add: boolean) => void;
}

interface Entry {
  readonly key: number;
  readonly name: string;
  readonly color: string;
  readonly values: readonly { readonly number: number; readonly text: string }[];
}

interface Sort {
  /** Column of `calcs`, or -1 for the name. */
  readonly column: number;
  readonly descending: boolean;
}

/** The series' names with their numbers. A click shows one alone, with Ctrl or Shift it switches one. */
export function ChartLegend(props: LegendProps): ReactNode {
  const { series, calcs } = props;
  const [chosen, setChosen] = useState<Sort | undefined>(undefined);
  const initial = calcs.findIndex((calc) => reducerLabel(calc) === props.sortBy || calc === props.sortBy.toLowerCase());
  const sort = chosen ?? (initial >= 0 ? { column: initial, descending: props.sortDescending } : undefined);
  const entries = useMemo(() => sorted(entriesOf(series, calcs), sort), [series, calcs, sort]);
  return (
    <div className="am-legend" style={{ maxHeight: props.maxHeight }}>
      {props.table ? (
        <LegendTable {...props} entries={entries} sort={sort} onSort={setChosen} />
      ) : (
        <div className="am-legend-list">
          {entries.map((entry) => (
            <LegendName key={entry.key} entry={entry} {...props}>
              {entry.values.map(({ text }, i) => (
                <span key={calcs[i]} className="am-dim am-num">
                  {reducerLabel(calcs[i]!)}: {text}
                </span>
              ))}
            </LegendName>
          ))}
        </div>
      )}
    </div>
  );
}

function LegendTable(
  props: LegendProps & {
    readonly entries: readonly Entry[];
    readonly sort: Sort | undefined;
    readonly onSort: (sort: Sort) => void;
  },
): ReactNode {
  const { entries, calcs, sort } = props;
  const header = (column: number, label: string): ReactNode => (
    <th key={column} aria-sort={sort?.column === column ? (sort.descending ? 'descending' : 'ascending') : 'none'}>
      <button
        type="button"
        onClick={() => props.onSort({ column, descending: sort?.column === column ? !sort.descending : column >= 0 })}
      >
        {label}
        {sort?.column === column ? (sort.descending ? ' ↓' : ' ↑') : ''}
      </button>
    </th>
  );
  return (
    <table>
      <thead>
        <tr>
          {header(-1, 'Name')}
          {calcs.map((calc, i) => header(i, reducerLabel(calc)))}
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <tr key={entry.key}>
            <td>
              <LegendName entry={entry} {...props} />
            </td>
            {entry.values.map(({ text }, i) => (
              <td key={calcs[i]} className="am-num">
                {text}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function LegendName(props: LegendProps & { readonly entry: Entry; readonly children?: ReactNode }): ReactNode {
  const { entry, hidden } = props;
  const off = hidden.has(entry.name);
  return (
    <button
      type="button"
      className={off ? 'am-legend-name am-off' : 'am-legend-name'}
      aria-pressed={!off}
      title={entry.name}
      onClick={(event) => props.onToggle(entry.name, event.ctrlKey || event.metaKey || event.shiftKey)}
    >
      <span className="am-swatch" style={{ background: off ? 'transparent' : entry.color, borderColor: entry.color }} />
      <span className="am-legend-text">{entry.name}</span>
      {props.children}
    </button>
  );
}

function entriesOf(series: readonly PanelSeries[], calcs: readonly string[]): readonly Entry[] {
  return series.map(({ item, chart }, key) => ({
    key,
    name: chart.name,
    color: chart.color,
    values: calcs.map((calc) => {
      const number = reduce((item.field as NumberField).values, calc);
      return { number, text: Number.isNaN(number) ? '–' : chart.format(number) };
    }),
  }));
}

function sorted(entries: readonly Entry[], sort: Sort | undefined): readonly Entry[] {
  if (!sort) return entries;
  const sign = sort.descending ? -1 : 1;
  const number = (entry: Entry): number => entry.values[sort.column]?.number ?? Number.NaN;
  return [...entries].sort((a, b) => {
    if (sort.column < 0) return sign * a.name.localeCompare(b.name, 'en', { numeric: true });
    if (Number.isNaN(number(a)) || Number.isNaN(number(b))) return Number.isNaN(number(a)) ? 1 : -1;
    return sign * (number(a) - number(b));
  });
}
