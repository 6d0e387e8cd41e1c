import { cellText, type Field, type Frame, fieldLabel, frameOf, type NumberField, pickRows } from './frame.ts';
import { arr, type Json, num, obj, str, strings } from './json.ts';
import type { Transformation } from './model.ts';
import { reduce, reducerLabel } from './reducers.ts';
import { toRegex } from './variables.ts';

type Step = (frames: readonly Frame[], options: Json) => readonly Frame[];

/** Runs a panel's transformations in order; ids that we do not know are listed, the rest is still done. */
export function transform(
  frames: readonly Frame[],
  transformations: readonly Transformation[],
): { readonly frames: readonly Frame[]; readonly unknown: readonly string[] } {
  let current = frames;
  const unknown: string[] = [];
  for (const { id, options } of transformations) {
    const step = STEPS[id];
    if (step) current = step(current, options);
    else unknown.push(id);
  }
  return { frames: current, unknown };
}

const STEPS: Readonly<Record<string, Step>> = {
  merge: (frames) => merge(frames),
  organize,
  reduce: reduceFrames,
  sortBy,
  filterFieldsByName,
  filterByRefId: (frames, options) =>
    frames.filter((frame) => toRegex(str(options.include))?.test(frame.refId) ?? true),
  joinByField: (frames, options) => joinByField(frames, str(options.byField)),
  seriesToColumns: (frames, options) => joinByField(frames, str(options.byField, 'Time')),
  calculateField,
  renameByRegex,
  labelsToFields,
  groupBy,
  limit: (frames, options) => frames.map((frame) => firstRows(frame, num(options.limitField) ?? 10)),
  seriesToRows,
};

function firstRows(frame: Frame, count: number): Frame {
  return frame.length <= count ? frame : pickRows(frame, [...Array(count).keys()]);
}

const isKey = (field: Field): boolean => field.kind !== 'number';

/** One table of all frames: rows that agree in every key column that they share become one row. */
function merge(frames: readonly Frame[]): readonly Frame[] {
  const filled = frames.filter((frame) => frame.length > 0);
  if (filled.length < 2) return filled;
  const keys = new Set(filled.flatMap((frame) => frame.fields.filter(isKey).map((field) => field.name)));
  const shared = [...keys].filter((key) => filled.every((frame) => frame.fields.some((field) => field.name === key)));
  return [outerJoin(filled, shared)];
}

function joinByField(frames: readonly Frame[], byField: string): readonly Frame[] {
  const filled = frames.filter((frame) => frame.length > 0);
  if (filled.length < 2) return filled;
  const key = byField || (filled[0]!.fields.find(isKey)?.name ?? 'Time');
  const usable = filled.filter((frame) =>
    frame.fields.some((field) => fieldLabel(field) === key || field.name === key),
  );
  return usable.length === 0 ? frames : [outerJoin(usable, [key])];
}

/** Joins on `keys`; a column of the same name in several frames fills the same column where it is empty. */
function outerJoin(frames: readonly Frame[], keys: readonly string[]): Frame {
  const rowOf = new Map<string, number>();
  const columns = new Map<string, { readonly model: Field; readonly cells: (number | string)[] }>();
  for (const frame of frames) {
    const rows = Array.from({ length: frame.length }, (_, row) => rowOfKey(frame, keys, row, rowOf));
    for (const field of frame.fields) {
      const id = keys.includes(field.name) ? field.name : columnId(field, frames, frame);
      const column = columns.get(id) ?? { model: field, cells: [] };
      columns.set(id, column);
      rows.forEach((row, i) => {
        const value = field.values[i];
        if (value !== undefined) column.cells[row] ??= value;
      });
    }
  }
  return frameOf(
    '',
    [...columns.values()].map(({ model, cells }) => columnField(model, cells, rowOf.size)),
  );
}

function columnId(field: Field, frames: readonly Frame[], frame: Frame): string {
  if (isKey(field)) return field.name;
  const twins = frames.filter((other) => other.fields.some((item) => item.name === field.name));
  return twins.length > 1 ? `${field.name}\0${frames.indexOf(frame)}` : field.name;
}

function rowOfKey(frame: Frame, keys: readonly string[], row: number, rowOf: Map<string, number>): number {
  const key = keys
    .map((name) => {
      const field = frame.fields.find((item) => item.name === name);
      return field ? cellText(field, row) : '';
    })
    .join('\0');
  const known = rowOf.get(key);
  if (known !== undefined) return known;
  rowOf.set(key, rowOf.size);
  return rowOf.size - 1;
}

function columnField(model: Field, cells: readonly (number | string)[], length: number): Field {
  return model.kind === 'text'
    ? { ...model, values: Array.from({ length }, (_, row) => String(cells[row] ?? '')) }
    : { ...model, values: Float64Array.from({ length }, (_, row) => Number(cells[row] ?? Number.NaN)) };
}

function organize(frames: readonly Frame[], options: Json): readonly Frame[] {
  const exclude = obj(options.excludeByName);
  const include = obj(options.includeByName);
  const rename = obj(options.renameByName);
  const order = obj(options.indexByName);
  const included = Object.keys(include).filter((name) => include[name] === true);
  const nameOf = (field: Field): string => fieldLabel(field);
  return frames.map((frame) => {
    const kept = frame.fields.filter(
      (field) => exclude[nameOf(field)] !== true && (included.length === 0 || included.includes(nameOf(field))),
    );
    const place = (field: Field): number => num(order[nameOf(field)]) ?? 1000;
    const sorted = kept.map((field, i) => ({ field, i })).sort((a, b) => place(a.field) - place(b.field) || a.i - b.i);
    return {
      ...frame,
      fields: sorted.map(({ field }) => {
        const renamed = str(rename[nameOf(field)]);
        return renamed === '' ? field : { ...field, legend: renamed };
      }),
    };
  });
}

function reduceFrames(frames: readonly Frame[], options: Json): readonly Frame[] {
  const reducers = strings(options.reducers).length > 0 ? strings(options.reducers) : ['max'];
  const numbers = frames.flatMap((frame) =>
    frame.fields.filter((field): field is NumberField => field.kind === 'number'),
  );
  if (options.mode === 'reduceFields') {
    return frames.map((frame) =>
      frameOf(
        frame.refId,
        frame.fields.flatMap((field): Field[] =>
          field.kind === 'number' ? [{ ...field, values: Float64Array.of(reduce(field.values, reducers[0]!)) }] : [],
        ),
      ),
    );
  }
  const fields: Field[] = [
    { kind: 'text', name: 'Field', labels: {}, refId: '', values: numbers.map(fieldLabel) },
    ...reducers.map(
      (id): Field => ({
        kind: 'number',
        name: reducerLabel(id),
        labels: {},
        refId: '',
        values: Float64Array.from(numbers, (field) => reduce(field.values, id)),
      }),
    ),
  ];
  return [frameOf('', fields)];
}

function sortBy(frames: readonly Frame[], options: Json): readonly Frame[] {
  const rule = obj(arr(options.sort)[0]);
  return frames.map((frame) => sortRows(frame, str(rule.field), rule.desc === true));
}

/** Rows ordered by one column; a name that is not there leaves them as they are. */
function sortRows(frame: Frame, name: string, descending: boolean): Frame {
  const field = frame.fields.find((item) => fieldLabel(item) === name || item.name === name);
  if (!field) return frame;
  const rows = [...Array(frame.length).keys()].sort((a, b) => compareCells(field.values[a]!, field.values[b]!));
  return pickRows(frame, descending ? rows.reverse() : rows);
}

function compareCells(a: number | string, b: number | string): number {
  if (typeof a === 'string' || typeof b === 'string')
    return String(a).localeCompare(String(b), 'en', { numeric: true });
  return (Number.isNaN(a) ? Number.NEGATIVE_INFINITY : a) - (Number.isNaN(b) ? Number.NEGATIVE_INFINITY : b);
}

function filterFieldsByName(frames: readonly Frame[], options: Json): readonly Frame[] {
  const include = obj(options.include);
  const names = strings(include.names);
  const pattern = toRegex(str(include.pattern));
  if (names.length === 0 && !pattern) return frames;
  return frames.map((frame) => ({
    ...frame,
    fields: frame.fields.filter(
      (field) => names.includes(fieldLabel(field)) || names.includes(field.name) || pattern?.test(fieldLabel(field)),
    ),
  }));
}

const OPERATORS: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '**': (a, b) => a ** b,
  '%': (a, b) => a % b,
};

function calculateField(frames: readonly Frame[], options: Json): readonly Frame[] {
  return frames.map((frame) => {
    const added =
      str(options.mode, 'reduceRow') === 'binary' ? binary(frame, obj(options.binary)) : rowwise(frame, options);
    if (!added) return frame;
    const named = str(options.alias) === '' ? added : { ...added, legend: str(options.alias) };
    const rest = options.replaceFields === true ? frame.fields.filter((field) => field.kind === 'time') : frame.fields;
    return { ...frame, fields: [...rest, named] };
  });
}

function binary(frame: Frame, options: Json): NumberField | undefined {
  const operator = OPERATORS[str(options.operator, '+')];
  const left = operand(frame, options.left);
  const right = operand(frame, options.right);
  if (!operator || !left || !right) return undefined;
  const values = Float64Array.from({ length: frame.length }, (_, row) => operator(left(row), right(row)));
  return { kind: 'number', name: 'Result', labels: {}, refId: frame.refId, values };
}

function operand(frame: Frame, side: unknown): ((row: number) => number) | undefined {
  const matcher = obj(obj(side).matcher);
  const name = str(side) || str(matcher.options) || str(obj(side).fixed);
  const field = frame.fields.find((item) => fieldLabel(item) === name || item.name === name);
  if (field) return (row) => Number(field.values[row]);
  const constant = num(name);
  return constant === undefined ? undefined : () => constant;
}

function rowwise(frame: Frame, options: Json): NumberField | undefined {
  const settings = obj(options.reduce);
  const included = strings(settings.include);
  const numbers = frame.fields.filter(
    (field): field is NumberField =>
      field.kind === 'number' && (included.length === 0 || included.includes(fieldLabel(field))),
  );
  if (numbers.length === 0) return undefined;
  const id = str(settings.reducer, 'sum');
  const values = Float64Array.from({ length: frame.length }, (_, row) =>
    reduce(
      Float64Array.from(numbers, (field) => field.values[row]!),
      id,
    ),
  );
  return { kind: 'number', name: reducerLabel(id), labels: {}, refId: frame.refId, values };
}

function renameByRegex(frames: readonly Frame[], options: Json): readonly Frame[] {
  const pattern = toRegex(str(options.regex));
  if (!pattern) return frames;
  const to = str(options.renamePattern);
  return frames.map((frame) => ({
    ...frame,
    fields: frame.fields.map((field) =>
      field.kind === 'time' ? field : { ...field, legend: fieldLabel(field).replace(pattern, to) },
    ),
  }));
}

function labelsToFields(frames: readonly Frame[], options: Json): readonly Frame[] {
  const valueLabel = str(options.valueLabel);
  const tables = frames.map((frame) => {
    const labels = Object.entries(frame.fields.find((field) => field.kind === 'number')?.labels ?? {});
    const added = labels
      .filter(([name]) => name !== valueLabel)
      .map(
        ([name, value]): Field => ({
          kind: 'text',
          name,
          labels: {},
          refId: frame.refId,
          values: Array<string>(frame.length).fill(value),
        }),
      );
    const own = frame.fields.map((field): Field => {
      if (field.kind !== 'number') return field;
      return {
        ...field,
        labels: {},
        legend: valueLabel === '' ? field.name : (field.labels[valueLabel] ?? field.name),
      };
    });
    return { ...frame, fields: [...own.slice(0, 1), ...added, ...own.slice(1)] };
  });
  return merge(tables);
}

function groupBy(frames: readonly Frame[], options: Json): readonly Frame[] {
  const rules = obj(options.fields);
  return frames.map((frame) => {
    const operation = (field: Field): string => str(obj(rules[fieldLabel(field)]).operation);
    const keys = frame.fields.filter((field) => operation(field) === 'groupby');
    if (keys.length === 0) return frame;
    const groups = new Map<string, number[]>();
    for (let row = 0; row < frame.length; row++) {
      const key = keys.map((field) => cellText(field, row)).join('\0');
      groups.set(key, [...(groups.get(key) ?? []), row]);
    }
    const members = [...groups.values()];
    const firsts = pickRows(
      { ...frame, fields: keys },
      members.map((rows) => rows[0]!),
    );
    const aggregates = frame.fields
      .filter((field) => operation(field) === 'aggregate' && field.kind !== 'text')
      .flatMap((field) =>
        strings(obj(rules[fieldLabel(field)]).aggregations).map(
          (id): Field => ({
            kind: 'number',
            name: `${fieldLabel(field)} (${id})`,
            labels: {},
            refId: frame.refId,
            values: Float64Array.from(members, (rows) =>
              reduce(
                Float64Array.from(rows, (row) => Number(field.values[row])),
                id,
              ),
            ),
          }),
        ),
      );
    return frameOf(frame.refId, [...firsts.fields, ...aggregates]);
  });
}

function seriesToRows(frames: readonly Frame[]): readonly Frame[] {
  const parts = frames.flatMap((frame) => {
    const time = frame.fields.find((field) => field.kind === 'time');
    return frame.fields.flatMap((field) => (field.kind === 'number' && time ? [{ time, field }] : []));
  });
  const times = parts.flatMap(({ time }) => [...time.values]).map(Number);
  const metrics = parts.flatMap(({ field }) => Array<string>(field.values.length).fill(fieldLabel(field)));
  const values = parts.flatMap(({ field }) => [...field.values]);
  return [
    frameOf('', [
      { kind: 'time', name: 'Time', labels: {}, refId: '', values: Float64Array.from(times) },
      { kind: 'text', name: 'Metric', labels: {}, refId: '', values: metrics },
      { kind: 'number', name: 'Value', labels: {}, refId: '', values: Float64Array.from(values) },
    ]),
  ];
}
