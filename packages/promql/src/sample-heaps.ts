/**
 * The best k samples of each of many cells, as binary heaps with the worst on top, in flat columns. Which of equal samples
 * are kept follows from the shape of the heap, so it is that of Go's container/heap, which upstream uses.
 */
export class SampleHeaps {
  private readonly values: Float64Array;
  private readonly series: Int32Array;
  private readonly sizes: Uint32Array;

  /**
   * @param width samples a cell may hold
   * @param sign 1 keeps the greatest values, -1 the least
   */
  constructor(
    cells: number,
    private readonly width: number,
    private readonly sign: 1 | -1,
  ) {
    this.values = new Float64Array(cells * width);
    this.series = new Int32Array(cells * width);
    this.sizes = new Uint32Array(cells);
  }

  /** Keeps a sample if it is among the best k of its cell by now. Of equal ones the first stays. */
  offer(cell: number, series: number, value: number, k: number): void {
    const base = cell * this.width;
    const size = this.sizes[cell];
    if (size < k) {
      this.values[base + size] = value;
      this.series[base + size] = series;
      this.sizes[cell] = size + 1;
      this.up(base, size);
      return;
    }
    if (k < 1) return;
    const worst = this.values[base];
    if (!(this.sign * worst < this.sign * value || (Number.isNaN(worst) && !Number.isNaN(value)))) return;
    this.values[base] = value;
    this.series[base] = series;
    this.down(base, size);
  }

  /** Series and value of each sample of a cell, in no order. */
  *of(cell: number): Generator<readonly [number, number]> {
    const base = cell * this.width;
    for (let i = base; i < base + this.sizes[cell]; i++) yield [this.series[i], this.values[i]];
  }

  /** As `of`, the best first and NaN last. */
  ranked(cell: number): (readonly [number, number])[] {
    return [...this.of(cell)].sort(([, a], [, b]) => {
      if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
      return this.sign * (b - a) || 0;
    });
  }

  private isWorse(i: number, j: number): boolean {
    const value = this.values[i];
    return Number.isNaN(value) || this.sign * value < this.sign * this.values[j];
  }

  private up(base: number, from: number): void {
    for (let i = from; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!this.isWorse(base + i, base + parent)) return;
      this.swap(base + i, base + parent);
      i = parent;
    }
  }

  private down(base: number, size: number): void {
    for (let i = 0; ; ) {
      let child = 2 * i + 1;
      if (child >= size) return;
      if (child + 1 < size && this.isWorse(base + child + 1, base + child)) child++;
      if (!this.isWorse(base + child, base + i)) return;
      this.swap(base + i, base + child);
      i = child;
    }
  }

  private swap(i: number, j: number): void {
    const value = this.values[i];
    const series = this.series[i];
    this.values[i] = this.values[j];
    this.series[i] = this.series[j];
    this.values[j] = value;
    this.series[j] = series;
  }
}
