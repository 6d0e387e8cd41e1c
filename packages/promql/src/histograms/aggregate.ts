import { ABSENT, type ColumnTable, HISTOGRAM, type StepColumn } from '../columns.ts';
import { boundsReconciled, MIXED_IN_AGGREGATION, mixedExponentialCustom, type Note, resetCollision } from './notes.ts';
import { HistogramMean } from './over-time.ts';

/** `sum` and `avg` of native histograms, beside the accumulator of the floats: made when the first histogram comes. */
export class HistogramCells {
  /** A state per cell (group × step) with histograms; null where a float came before them, so that nothing comes of it. */
  private readonly cells = new Map<number, HistogramMean | null>();

  constructor(
    private readonly average: boolean,
    private readonly note: Note,
  ) {}

  /** Adds the histograms of one series to the cells from `base` on. `floats` says how many floats a cell has got. */
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

  /** Puts the results into the table, and takes out those of cells that got floats as well. */
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
