import type { FloatHistogram, Labels } from '@avalanche/model';

/** The evaluation times of an expression: `startMs + i * stepMs` for i in 0 … count-1. */
export interface Steps {
  readonly startMs: number;
  readonly stepMs: number;
  readonly count: number;
}

export function lastStepMs(steps: Steps): number {
  return steps.startMs + (steps.count - 1) * steps.stepMs;
}

/** There is no sample at a step. */
export const ABSENT = 0;
/** There is a float sample at a step; its value stands in `v`. */
export const FLOAT = 1;
/**
 * There is a native histogram at a step; it stands in `histograms`, which is null where a column (or table) has none, so
 * that one look tells. Loops over floats test `=== FLOAT` and so pass over histograms.
 */
export const HISTOGRAM = 2;

/** Bytes of a histogram with its time in upstream's memory, and of a sample: what it counts for in the limit on samples. */
const HISTOGRAM_BYTES = 176;
const SAMPLE_BYTES = 16;

/** The values of one series at every step. Absence is in `present` and never a NaN, which is a value. */
export class StepColumn {
  /** Meaningful only where `present` is FLOAT. */
  readonly v: Float64Array;
  readonly present: Uint8Array;
  /** Meaningful only where `present` is HISTOGRAM; null where that is nowhere. Who fills the column owns the array. */
  histograms: (FloatHistogram | undefined)[] | null = null;

  constructor(readonly count: number) {
    this.v = new Float64Array(count);
    this.present = new Uint8Array(count);
  }

  set(step: number, value: number): void {
    this.v[step] = value;
    this.present[step] = FLOAT;
  }

  setHistogram(step: number, histogram: FloatHistogram): void {
    this.histograms ??= [];
    this.histograms[step] = histogram;
    this.present[step] = HISTOGRAM;
  }

  clear(): void {
    this.present.fill(ABSENT);
    this.histograms = null;
  }

  /** What the column counts for in the limit on samples; 0 where there is nothing in it. */
  points(): number {
    let n = 0;
    for (let s = 0; s < this.count; s++) n += this.present[s];
    return this.histograms === null ? n : this.weigh(this.histograms);
  }

  private weigh(histograms: readonly (FloatHistogram | undefined)[]): number {
    let weight = 0;
    for (let s = 0; s < this.count; s++) {
      const histogram = this.present[s] === HISTOGRAM ? histograms[s] : undefined;
      weight += histogram ? weightOf(histogram) : this.present[s];
    }
    return weight;
  }
}

function weightOf({ positive, negative, customValues }: FloatHistogram): number {
  const listed = positive.indexes.length + negative.indexes.length + customValues.length;
  return Math.floor((HISTOGRAM_BYTES + 8 * listed) / SAMPLE_BYTES);
}

/** What identifies a series during a query. */
export interface SeriesMeta {
  readonly labels: Labels;
  /** The metric name goes at the end of the query (only with delayed name removal). */
  readonly dropName: boolean;
}

/**
 * An instant vector at all steps: the series are known first, their values are computed series by series on demand.
 * So an aggregation holds one column of its input at a time, and a name or a group is resolved once per query.
 */
export interface VectorOperator {
  readonly series: readonly SeriesMeta[];
  /** Overwrites `out` with series `i` at every step. */
  fill(i: number, out: StepColumn): void;
}

export const EMPTY_VECTOR: VectorOperator = { series: [], fill: () => {} };

/** Materialised series × steps, in two flat arrays: row r, step s is cell `r * count + s`. */
export class ColumnTable implements VectorOperator {
  readonly series: SeriesMeta[] = [];
  values: Float64Array;
  present: Uint8Array;
  /** By cell; null where there is none. */
  histograms: (FloatHistogram | undefined)[] | null = null;
  /** What of the limit on samples is given back once the table is no longer needed. */
  heldSamples = 0;

  constructor(
    readonly count: number,
    rows: number,
  ) {
    this.values = new Float64Array(rows * count);
    this.present = new Uint8Array(rows * count);
  }

  append(meta: SeriesMeta, column: StepColumn): number {
    const row = this.appendEmpty(meta);
    this.values.set(column.v, row * this.count);
    this.present.set(column.present, row * this.count);
    if (column.histograms !== null) this.appendHistograms(column, row * this.count);
    return row;
  }

  private appendHistograms({ histograms, present }: StepColumn, base: number): void {
    for (let s = 0; s < this.count; s++) {
      const histogram = present[s] === HISTOGRAM ? histograms?.[s] : undefined;
      if (histogram) this.setHistogram(base + s, histogram);
    }
  }

  setHistogram(cell: number, histogram: FloatHistogram): void {
    this.histograms ??= [];
    this.histograms[cell] = histogram;
    this.present[cell] = HISTOGRAM;
  }

  /** Makes a cell what a cell of another table is. */
  copyCell(cell: number, from: ColumnTable, fromCell: number): void {
    this.values[cell] = from.values[fromCell];
    this.present[cell] = from.present[fromCell];
    const histogram = from.histograms?.[fromCell];
    if (histogram && this.present[cell] === HISTOGRAM) this.setHistogram(cell, histogram);
  }

  appendEmpty(meta: SeriesMeta): number {
    const row = this.series.length;
    const cells = (row + 1) * this.count;
    if (cells > this.values.length) this.grow(Math.max(cells, 2 * this.values.length));
    this.series.push(meta);
    return row;
  }

  fill(row: number, out: StepColumn): void {
    const base = row * this.count;
    out.histograms = this.histograms === null ? null : this.histograms.slice(base, base + this.count);
    if (this.count === 1) {
      out.v[0] = this.values[base];
      out.present[0] = this.present[base];
      return;
    }
    out.v.set(this.values.subarray(base, base + this.count));
    out.present.set(this.present.subarray(base, base + this.count));
  }

  private grow(cells: number): void {
    const values = new Float64Array(cells);
    const present = new Uint8Array(cells);
    values.set(this.values);
    present.set(this.present);
    this.values = values;
    this.present = present;
  }
}
