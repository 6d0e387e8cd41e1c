import type { AggregateOp } from '../ast.ts';
import { ABSENT, type ColumnTable, HISTOGRAM, type StepColumn } from '../columns.ts';
import {
  boundsReconciled,
  ignoredInAggregation,
  MIXED_IN_AGGREGATION,
  mixedExponentialCustom,
  type Note,
  resetCollision,
} from './notes.ts';
import { HistogramMean } from './over-time.ts';

/** What an aggregation does with native histograms, beside the accumulator of the floats. Made when the first one comes. */
export interface HistogramCells {
  /** Takes the histograms of one series for the cells from `base` on. `floats` says how many floats a cell has got. */
  add(column: StepColumn, base: number, floats: Uint32Array, metricName: string): void;
  /** Puts the results into the table. */
  finish(table: ColumnTable, floats: Uint32Array): void;
}

export function histogramCells(op: AggregateOp, note: Note): HistogramCells {
  switch (op) {
    case 'sum':
    case 'avg':
      return new SummedCells(op === 'avg', note);
    case 'count':
    case 'group':
      // They have been counted like floats.
      return { add() {}, finish() {} };
    default:
      return ignoringCells(op, note);
  }
}

/** Aggregations of numbers ignore histograms, and say so. */
function ignoringCells(op: AggregateOp, note: Note): HistogramCells {
  return {
    add({ present }) {
      if (present.includes(HISTOGRAM)) note('info', ignoredInAggregation(op));
    },
    finish() {},
  };
}

class SummedCells implements HistogramCells {
  /** A state per cell (group × step) with histograms; null where a float came before them, so that nothing comes of it. */
  private readonly cells = new Map<number, HistogramMean | null>();

  constructor(
    private readonly average: boolean,
    private readonly note: Note,
  ) {}

  add({ histograms, present, count }: StepColumn, base: number, floats: Uint32Array, metricName: string): void {
    for (let s = 0; s < count; s++) {
      const histogram = present[s] === HISTOGRAM && histograms?.[s];
      if (!histogram) continue;
      const cell = base + s;
      const state = this.cells.get(cell);
      if (state === undefined) {
        this.cells.set(cell, floats[cell] > 0 ? null : new HistogramMean(histogram, this.average));
      } else if (state !== null && !state.incompatible) {
        state.add(histogram);
        if (state.incompatible) this.note('warn', mixedExponentialCustom(metricName));
      }
    }
  }

  /** Nothing comes of cells that got floats as well. */
  finish(table: ColumnTable, floats: Uint32Array): void {
    for (const [cell, state] of this.cells) {
      if (state?.reconciled) this.note('info', boundsReconciled('aggregation'));
      if (floats[cell] > 0) {
        this.note('warn', MIXED_IN_AGGREGATION);
        table.present[cell] = ABSENT;
      } else if (state && !state.incompatible) {
        if (state.collision) this.note('warn', resetCollision('aggregation'));
        table.setHistogram(cell, state.result());
      }
    }
  }
}
