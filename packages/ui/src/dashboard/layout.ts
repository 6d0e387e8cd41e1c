import type { Scope, VariableValue } from './interpolate.ts';
import type { GridPosition, Panel, Row } from './model.ts';

/** Height of one grid unit and the gap between panels, in pixels (Grafana's 30 and 8). */
export const UNIT_PX = 30;
export const GAP_PX = 8;
const REPEATS_MAX = 60;

/** Makes the copies that repeats ask for: whole rows, and panels across or down. Each copy fixes its variable's value. */
export function expandRepeats(rows: readonly Row[], scope: Scope): readonly Row[] {
  return rows.flatMap((row) => repeatRow(row, scope)).map((row) => ({ ...row, panels: packPanels(row.panels, scope) }));
}

function repeatValues(name: string, scope: Scope): readonly string[] {
  const value: VariableValue | undefined = name === '' ? undefined : scope.get(name);
  return value ? value.values.filter((item) => item !== '').slice(0, REPEATS_MAX) : [];
}

function repeatRow(row: Row, scope: Scope): readonly Row[] {
  const values = repeatValues(row.repeat, scope);
  if (values.length === 0) return [row];
  return values.map((value) => ({
    ...row,
    key: `${row.key}-${value}`,
    title: row.title,
    panels: row.panels.map((panel) => fixVariable(panel, row.repeat, value)),
  }));
}

function fixVariable(panel: Panel, name: string, value: string): Panel {
  return { ...panel, key: `${panel.key}-${value}`, fixed: { ...panel.fixed, [name]: value } };
}

/** The panels in reading order, repeats laid out, then let fall upwards as far as they go, as Grafana does. */
function packPanels(panels: readonly Panel[], scope: Scope): readonly Panel[] {
  const sorted = [...panels].sort((a, b) => a.position.y - b.position.y || a.position.x - b.position.x);
  return compact(sorted.flatMap((panel) => repeatPanel(panel, scope)));
}

const COLUMNS = 24;

/** Files hold overlaps and gaps of hundreds of rows; only the order and the columns of their positions are meant. */
function compact(panels: readonly Panel[]): readonly Panel[] {
  const bottoms = new Array<number>(COLUMNS).fill(0);
  return panels.map((panel) => {
    const { x, w, h } = panel.position;
    const y = Math.max(...bottoms.slice(x, x + w));
    bottoms.fill(y + h, x, x + w);
    return moved(panel, { x, y, w, h });
  });
}

function moved(panel: Panel, position: GridPosition): Panel {
  return { ...panel, position };
}

function repeatPanel(panel: Panel, scope: Scope): readonly Panel[] {
  const values = panel.fixed[panel.repeat] === undefined ? repeatValues(panel.repeat, scope) : [];
  if (values.length === 0) return [panel];
  const perRow = panel.repeatDirection === 'v' ? 1 : Math.min(values.length, panel.repeatMaxPerRow);
  const { x, y, h, w } = panel.position;
  const width = panel.repeatDirection === 'v' ? w : Math.max(2, Math.floor(24 / perRow));
  return values.map((value, i) => {
    const copy = fixVariable(panel, panel.repeat, value);
    const column = panel.repeatDirection === 'v' ? x : (i % perRow) * width;
    return moved(copy, { x: column, y: y + Math.floor(i / perRow) * h, w: width, h });
  });
}
