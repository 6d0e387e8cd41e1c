import type { Labels } from '../api/prometheus/query.ts';

interface FieldBase {
  readonly name: string;
  readonly labels: Labels;
  /** The panel target that it came from, `A`, `B`, …; empty after a transformation that mixes targets. */
  readonly refId: string;
  /** A name that the legend format or a transformation gave; wins over `name`. */
  readonly legend?: string | undefined;
}

/** A column of numbers. Absent and not-a-number are both NaN here: a picture shows either as a gap. */
export interface NumberField extends FieldBase {
  readonly kind: 'number' | 'time';
  readonly values: Float64Array;
}

interface TextField extends FieldBase {
  readonly kind: 'text';
  readonly values: readonly string[];
}

export type Field = NumberField | TextField;

/** Columns of equal length. A time series is a frame of a time column and one number column. */
export interface Frame {
  readonly refId: string;
  readonly fields: readonly Field[];
  readonly length: number;
}

export function frameOf(refId: string, fields: readonly Field[]): Frame {
  return { refId, fields, length: fields[0]?.values.length ?? 0 };
}

export function fieldLabel(field: Field): string {
  return field.legend ?? field.name;
}

/** The text of one cell, as transformations compare and group it. */
export function cellText(field: Field, row: number): string {
  const value = field.values[row];
  return typeof value === 'number' ? (Number.isNaN(value) ? '' : String(value)) : (value ?? '');
}

/** The same rows in another order, or fewer of them. */
export function pickRows(frame: Frame, rows: readonly number[]): Frame {
  return {
    ...frame,
    length: rows.length,
    fields: frame.fields.map(
      (field): Field =>
        field.kind === 'text'
          ? { ...field, values: rows.map((row) => field.values[row] ?? '') }
          : { ...field, values: Float64Array.from(rows, (row) => field.values[row] ?? Number.NaN) },
    ),
  };
}
