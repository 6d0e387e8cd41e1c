import type { FloatHistogram, SampleColumns } from '@avalanche/model';
import type { StepColumn } from '../columns.ts';
import { executionError } from '../error.ts';
import type { References } from '../selector.ts';

/**
 * What an instant selector gives of a sample: its value, or (in seconds) its time or its start timestamp. `info`: the time
 * of a float, as an info metric cannot be anything else.
 */
export type Picked = 'value' | 'time' | 'start' | 'info';

/** The latest sample at each step, of series that have native histograms, or for their start timestamps. */
export function pickRare(
  samples: SampleColumns,
  { firstMs, stepMs }: References,
  lookbackMs: number,
  picked: Picked,
  out: StepColumn,
): void {
  const { t, length } = samples;
  out.clear();
  let next = 0;
  for (let s = 0; s < out.count; s++) {
    const ref = firstMs + s * stepMs;
    while (next < length && t[next] <= ref) next++;
    const latest = next - 1;
    if (latest < 0 || t[latest] <= ref - lookbackMs || samples.isStale(latest)) continue;
    const value = pick(samples, latest, picked);
    if (typeof value === 'number') out.set(s, value);
    else out.setHistogram(s, value);
  }
}

function pick({ t, v, starts, histograms }: SampleColumns, i: number, picked: Picked): number | FloatHistogram {
  if (picked === 'info' && histograms?.[i]) throw executionError('info sample should be float');
  if (picked === 'time' || picked === 'info') return t[i] / 1000;
  if (picked === 'start') return (starts?.[i] ?? 0) / 1000;
  return histograms?.[i] ?? v[i];
}

/** Takes the staleness markers out of a series that has native histograms or start timestamps. */
export function dropStaleRare(samples: SampleColumns): void {
  const { t, v, starts, histograms, length } = samples;
  const kept = Array.from({ length }, (_, i) => i).filter((i) => !samples.isStale(i));
  const copies = { t: t.slice(0, length), v: v.slice(0, length), starts: starts?.slice(0, length) };
  samples.clear();
  for (const i of kept) {
    const histogram = histograms?.[i];
    if (histogram) samples.pushHistogram(copies.t[i], histogram);
    else samples.push(copies.t[i], copies.v[i]);
    if (copies.starts && copies.starts[i] !== 0) samples.setStart(copies.starts[i]);
  }
}
