import { SampleColumns } from '@avalanche/model';
import type { AtModifier, MatrixSelector, TimeShift, VectorSelector } from './ast.ts';
import { FLOAT, lastStepMs, type SeriesMeta, type StepColumn, type Steps, type VectorOperator } from './columns.ts';
import { durationMs, positiveDurationMs, type QueryExtent } from './duration-expr.ts';
import { extraMs, pickSmoothed, reachMs } from './extension.ts';
import { pickSmoothedRare } from './histograms/extended-range.ts';
import { remarksOn } from './histograms/remarks.ts';
import { dropStaleRare, type Picked, pickRare } from './histograms/select.ts';
import { keepStatistics } from './histograms/statistics.ts';
import type { QueryRun } from './query-run.ts';
import type { MatrixSource } from './window.ts';

/** The reference times of a selector: what `offset` and `@` make of the steps. `stepMs` is 0 with `@`. */
export interface References {
  readonly firstMs: number;
  readonly stepMs: number;
  readonly lastMs: number;
}

export function extentOf(run: QueryRun): QueryExtent {
  return { stepMs: run.isRangeQuery ? run.steps.stepMs : 0, rangeMs: run.options.endMs - run.steps.startMs };
}

export function references(shift: TimeShift, steps: Steps, run: QueryRun): References {
  const offsetMs = shift.offset ? durationMs(shift.offset, extentOf(run)) : 0;
  if (shift.at === null) {
    return { firstMs: steps.startMs - offsetMs, stepMs: steps.stepMs, lastMs: lastStepMs(steps) - offsetMs };
  }
  const fixed = atMs(shift.at, run) - offsetMs;
  return { firstMs: fixed, stepMs: 0, lastMs: fixed };
}

function atMs(at: AtModifier, run: QueryRun): number {
  if (at === 'start') return run.steps.startMs;
  return at === 'end' ? run.options.endMs : at.timeMs;
}

/**
 * An instant vector selector: each series is decoded once, and one walk over its samples gives all steps. A sample
 * counts for a step where it is not older than the lookback (left-open) and no staleness marker came after it.
 * @param picked the samples' own times in place of their values are for `timestamp()`, their starts for `start_timestamp()`
 */
export async function selectVector(
  selector: VectorSelector,
  steps: Steps,
  run: QueryRun,
  picked: Picked = 'value',
): Promise<VectorOperator> {
  const refs = references(selector, steps, run);
  const lookbackMs = run.options.lookbackMs;
  const minTime = refs.firstMs - lookbackMs + 1;
  const selected = await run.querier(minTime, refs.lastMs).select(selector.matchers);
  run.check();
  const series = selected.map(({ labels }): SeriesMeta => ({ labels, dropName: false }));
  run.distinct.add(series);
  const onlyLatest = refs.firstMs === refs.lastMs && picked !== 'start';
  const samples = new SampleColumns();
  const counter = run.counterOf(steps);
  return {
    series,
    fill(i, out) {
      samples.clear();
      run.samplesRead += onlyLatest
        ? selected[i].readLatest(minTime, refs.lastMs, samples)
        : selected[i].read(minTime, refs.lastMs, samples);
      if (samples.histograms === null && picked !== 'start') {
        counter.column(out, pickLatest(samples, refs, lookbackMs, picked !== 'value', out));
        return;
      }
      if (samples.histograms !== null && run.statisticsOf.has(selector)) keepStatistics(samples);
      pickRare(samples, refs, lookbackMs, picked, out);
      counter.column(out, out.points());
    },
  };
}

/** A `smoothed` instant vector selector, which also sees samples behind each step. */
export async function selectSmoothed(selector: VectorSelector, steps: Steps, run: QueryRun): Promise<VectorOperator> {
  const refs = references(selector, steps, run);
  const { lookbackMs } = run.options;
  const [minTime, maxTime] = [refs.firstMs - lookbackMs + 1, refs.lastMs + lookbackMs];
  const selected = await run.querier(minTime, maxTime).select(selector.matchers);
  run.check();
  const samples = new SampleColumns();
  const counter = run.counterOf(steps);
  return {
    series: selected.map(({ labels }): SeriesMeta => ({ labels, dropName: false })),
    fill(i, out) {
      samples.clear();
      run.samplesRead += selected[i].read(minTime, maxTime, samples);
      if (samples.histograms === null) {
        dropStale(samples);
        counter.column(out, pickSmoothed(samples, refs, lookbackMs, out));
        return;
      }
      dropStaleRare(samples);
      pickSmoothedRare(
        samples,
        refs,
        lookbackMs,
        remarksOn(selected[i].labels.metricName, selector, run.annotations),
        out,
      );
      counter.column(out, out.points());
    },
  };
}

/** Hot loop: samples and steps walk forward together. @returns at how many steps there is a sample */
function pickLatest(
  samples: SampleColumns,
  refs: References,
  lookbackMs: number,
  timestamps: boolean,
  out: StepColumn,
): number {
  const { t, v, length } = samples;
  const { present, v: values, count } = out;
  out.clear();
  let next = 0;
  let found = 0;
  for (let s = 0; s < count; s++) {
    const ref = refs.firstMs + s * refs.stepMs;
    while (next < length && t[next] <= ref) next++;
    const latest = next - 1;
    if (latest < 0 || t[latest] <= ref - lookbackMs || samples.isStale(latest)) continue;
    values[s] = timestamps ? t[latest] / 1000 : v[latest];
    present[s] = FLOAT;
    found++;
  }
  return found;
}

/** A range vector selector; staleness markers are taken out when a series is loaded. */
export async function selectMatrix(expr: MatrixSelector, steps: Steps, run: QueryRun): Promise<MatrixSource> {
  const refs = references(expr.selector, steps, run);
  const rangeMs = positiveDurationMs(expr.range, extentOf(run));
  const kind = expr.selector.extension;
  const extension = kind && { kind, lookbackMs: run.options.lookbackMs };
  const maxTime = refs.lastMs + reachMs(extension);
  const minTime = refs.firstMs + reachMs(extension) - rangeMs - extraMs(extension) + 1;
  const selected = await run.querier(minTime, maxTime).select(expr.selector.matchers);
  run.check();
  const series = selected.map(({ labels }): SeriesMeta => ({ labels, dropName: false }));
  run.distinct.add(series);
  return {
    series,
    refs,
    rangeMs,
    extension,
    load(i, into) {
      into.clear();
      run.samplesRead += selected[i].read(minTime, maxTime, into);
      if (!run.options.startTimestamps) into.starts = null;
      if (into.histograms !== null && run.statisticsOf.has(expr.selector)) keepStatistics(into);
      if (into.histograms === null && into.starts === null) dropStale(into);
      else dropStaleRare(into);
    },
  };
}

function dropStale(samples: SampleColumns): void {
  const { t, bits, length } = samples;
  let kept = 0;
  for (let i = 0; i < length; i++) {
    if (samples.isStale(i)) continue;
    if (kept !== i) {
      t[kept] = t[i];
      bits[2 * kept] = bits[2 * i];
      bits[2 * kept + 1] = bits[2 * i + 1];
    }
    kept++;
  }
  samples.length = kept;
}
