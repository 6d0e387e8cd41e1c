// Windows that slide have what each of them has alone: over random numbers with every special one, gaps and jumps.
import { SampleColumns } from '@avalanche/model';
import { expect, test } from 'vitest';
import { StepColumn } from './columns.ts';
import { mean } from './kahan.ts';
import { byValueNaNFirst, quantileOfSorted } from './quantile.ts';
import { slidingExtremes, slidingSums } from './sliding.ts';
import { slidingQuantiles } from './sliding-quantiles.ts';
import { Windows } from './window.ts';

let state = 7;
function below(n: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}

const PLAIN = [0, -0, 1, -1, 2.5, 1e-3, 7];
const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, -1e308, 5e-324, 1e100, -1e100];

/** A series of `count` samples about `everyMs` apart, with gaps; of its values every `rare`th is special. */
function series(count: number, everyMs: number, rare: number): SampleColumns {
  const samples = new SampleColumns();
  for (let i = 0, t = 0; i < count; i++) {
    t += everyMs + below(2) * below(everyMs) + (below(50) === 0 ? 20 * everyMs : 0);
    samples.push(t, below(rare) === 0 ? SPECIAL[below(SPECIAL.length)] : PLAIN[below(PLAIN.length)] * (1 + below(3)));
  }
  return samples;
}

function windowsOver(samples: SampleColumns, rangeMs: number, stepMs: number, count: number): Windows {
  const steps = { startMs: 0, stepMs, count };
  const windows = new Windows(steps, { firstMs: 0, stepMs, lastMs: stepMs * (count - 1) }, rangeMs);
  windows.attach(samples);
  windows.firstStep = below(2) * below(Math.ceil(count / 2));
  return windows;
}

function eachWindow(windows: Windows, check: (values: number[], step: number, from: number) => void): void {
  for (let s = windows.firstStep; s < windows.endStep; s++) {
    const [from, to] = [windows.from[s], windows.to[s]];
    if (from < to) check([...windows.v.subarray(from, to)], s, from);
  }
}

const CASES = Array.from({ length: 120 }, (_, i) => {
  const samples = series(1 + below(400), 100, [1, 4, 40, 1e9][i % 4]);
  return windowsOver(samples, [50, 500, 5_000, 40_000][below(4)], [0, 37, 100, 1000, 9000][below(5)], 1 + below(150));
});

/** Where values of three magnitudes cancel out, what is left depends on the order of addition. */
function close(got: number, wanted: number, values: number[]): void {
  const size = Math.max(Math.abs(wanted), ...values.filter((value) => Math.abs(value) >= 1e100).map(Math.abs));
  if (Number.isFinite(wanted)) expect(Math.abs(got - wanted)).toBeLessThanOrEqual(1e-12 * size);
  else expect(got).toBe(wanted);
}

test('sums and means', () => {
  for (const windows of CASES) {
    const { sums, cs, settled } = slidingSums(windows);
    const got = { sums: sums.slice(), cs: cs.slice(), settled: settled.slice() };
    eachWindow(windows, (values, s) => {
      const wanted = mean(Float64Array.from(values), 0, values.length);
      if (got.settled[s] || Number.isFinite(got.sums[s]))
        close((got.sums[s] + got.cs[s]) / values.length, wanted, values);
      if (got.settled[s]) expect(values.some((value) => !Number.isFinite(value))).toBe(true);
    });
  }
});

test('nothing is lost where large values cancel out', () => {
  const samples = new SampleColumns();
  for (let i = 0; i < 60; i++) samples.push(i, [1e100, 3, -1e100, 5][i % 4]);
  const windows = windowsOver(samples, 40, 1, 60);
  windows.firstStep = 0;
  const { sums, cs } = slidingSums(windows);
  for (let s = 40; s < 60; s++) expect(sums[s] + cs[s]).toBe(80);
});

test.each(['first', 'last'] as const)('least and greatest values, the %s of equal ones', (ofEqual) => {
  for (const windows of CASES) {
    for (const sign of [1, -1] as const) {
      const got = slidingExtremes(windows, sign, ofEqual).slice();
      eachWindow(windows, (values, s, from) => {
        let best = 0;
        values.forEach((value, i) => {
          const better = sign * value < sign * values[best] || Number.isNaN(values[best]);
          if (better || (ofEqual === 'last' && value === values[best])) best = i;
        });
        expect(got[s]).toBe(from + best);
      });
    }
  }
});

test('quantiles, of large windows too', () => {
  const large = windowsOver(series(9_000, 100, 20), 400_000, 20_000, 60);
  expect(large.to.some((to, s) => to - large.from[s] > 2_500)).toBe(true);
  const gaps = windowsOver(series(9_000, 100, 20), 320_000, 450_000, 3);
  for (const windows of [...CASES, large, gaps]) {
    const q = Float64Array.from(windows.to, () => [0, 0.25, 0.5, 0.9, 1, -1, 2, Number.NaN][below(8)]);
    const out = new StepColumn(windows.to.length);
    slidingQuantiles(windows, q, out);
    eachWindow(windows, (values, s) => {
      const wanted = quantileOfSorted(q[s], Float64Array.from(values.sort(byValueNaNFirst)), values.length);
      expect([out.present[s], out.v[s] + 0]).toEqual([1, wanted + 0]);
    });
  }
});

test('NaN in long windows costs no more than numbers do', () => {
  const samples = new SampleColumns();
  for (let i = 0; i < 60_000; i++) samples.push(i, i % 3 ? i : Number.NaN);
  const windows = windowsOver(samples, 30_000, 5, 12_000);
  const begin = performance.now();
  expect(slidingSums(windows).sums[11_000]).toBeNaN();
  // Each window anew would be 280 million additions.
  expect(performance.now() - begin).toBeLessThan(100);
});
