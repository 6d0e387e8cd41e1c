/** A column as uPlot draws it: null is a gap, undefined is "no sample of this series at this time, draw through". */
export type Column = (number | null | undefined)[];

export interface TimedValues {
  readonly times: Float64Array;
  readonly values: Float64Array;
}

export interface Aligned {
  /** Epoch milliseconds, ascending. */
  readonly times: Float64Array;
  readonly columns: readonly Column[];
}

const column = (values: Float64Array): Column => Array.from(values, (value) => (Number.isFinite(value) ? value : null));

/** Brings series onto one time axis. Series of one query share their very array of times and need no search. */
export function align(series: readonly TimedValues[]): Aligned {
  const first = series[0];
  if (!first) return { times: new Float64Array(), columns: [] };
  if (series.every(({ times }) => times === first.times)) {
    return { times: first.times, columns: series.map(({ values }) => column(values)) };
  }
  const grids = new Set(series.map(({ times }) => times));
  const times = Float64Array.from(new Set([...grids].flatMap((grid) => [...grid]))).sort();
  const places = new Map([...grids].map((grid) => [grid, placesIn(times, grid)]));
  return { times, columns: series.map((item) => spread(item, places.get(item.times)!, times.length)) };
}

function placesIn(times: Float64Array, grid: Float64Array): Uint32Array {
  const places = new Uint32Array(grid.length);
  let at = 0;
  for (let i = 0; i < grid.length; i++) {
    while (times[at]! < grid[i]!) at++;
    places[i] = at;
  }
  return places;
}

function spread({ values }: TimedValues, places: Uint32Array, length: number): Column {
  const out: Column = Array<undefined>(length).fill(undefined);
  for (let i = 0; i < values.length; i++) out[places[i]!] = Number.isFinite(values[i]) ? values[i]! : null;
  return out;
}
