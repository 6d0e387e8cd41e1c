import { type Labels, Matcher, METRIC_NAME } from '@avalanche/model';
import type { AtModifier, Call, Expr, Subquery, VectorSelector } from '../ast.ts';
import { childrenOf } from '../ast.ts';
import { ABSENT, ColumnTable, type SeriesMeta } from '../columns.ts';
import { durationMs } from '../duration-expr.ts';
import { executionError } from '../error.ts';
import type { Prepared, Scope } from '../plan.ts';
import { materialize, SAME_LABELSET } from '../query-run.ts';
import { extentOf, selectVector } from '../selector.ts';
import { define, type FunctionSpec } from './spec.ts';

/** The labels that say which target a series is of; upstream has them hard-coded too. */
const IDENTIFYING = ['instance', 'job'] as const;
const DEFAULT_INFO = new Matcher('=', METRIC_NAME, 'target_info');
const ANY_INFO = new Matcher('=~', METRIC_NAME, '.+_info');

/** What the second argument of `info` asks for. */
interface Wanted {
  /** Matchers of the info metrics' names. */
  readonly names: readonly Matcher[];
  /** Matchers of the labels to take over, by label; where there are none, all labels are. */
  readonly data: ReadonlyMap<string, readonly Matcher[]>;
}

function wantedOf(selector: Expr | undefined): Wanted {
  const matchers = selector?.kind === 'vectorSelector' ? selector.matchers : [];
  const names = matchers.filter(({ name }) => name === METRIC_NAME);
  const data = new Map<string, Matcher[]>();
  for (const matcher of matchers) {
    if (matcher.name !== METRIC_NAME) data.set(matcher.name, [...(data.get(matcher.name) ?? []), matcher]);
  }
  return { names: effectiveNames(names), data };
}

/** Matchers that only exclude exclude from everything that is called `*_info`. */
function effectiveNames(names: readonly Matcher[]): readonly Matcher[] {
  if (names.length === 0) return [DEFAULT_INFO];
  return names.some(({ type }) => type === '=' || type === '=~') ? names : [ANY_INFO, ...names];
}

/** The matchers that fetch the info series of all targets of the base series, or null where these name no target. */
function infoMatchers(targets: readonly Labels[], { names, data }: Wanted): Matcher[] | null {
  const matchers: Matcher[] = [];
  for (const label of IDENTIFYING) {
    const values = new Set(targets.map((labels) => labels.get(label)));
    values.delete('');
    if (values.size > 0) matchers.push(new Matcher('=~', label, [...values].map(quoteMeta).join('|')));
  }
  if (matchers.length === 0) return null;
  return [...matchers, ...[...data.values()].flat(), ...names];
}

function quoteMeta(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

/**
 * The time at which info series are looked at: that of the first selector in the argument, with the offsets of the
 * subqueries around it up to the innermost `@`.
 */
function timeShift(argument: Expr, scope: Scope): { readonly at: AtModifier | null; readonly offsetMs: number } {
  const path = pathToSelector(argument);
  let at: AtModifier | null = null;
  let offsetMs = 0;
  for (const { at: nodeAt, offset } of path?.reverse() ?? []) {
    if (offset) offsetMs += durationMs(offset, extentOf(scope.run));
    at = nodeAt;
    if (at !== null) break;
  }
  return { at, offsetMs };
}

/** The first selector of an expression, behind the subqueries that it stands in. */
function pathToSelector(expr: Expr): (VectorSelector | Subquery)[] | null {
  if (expr.kind === 'vectorSelector') return [expr];
  const children = expr.kind === 'aggregate' && expr.param ? [expr.expr, expr.param] : childrenOf(expr);
  for (const child of children) {
    const path = pathToSelector(child);
    if (path) return expr.kind === 'subquery' ? [expr, ...path] : path;
  }
  return null;
}

/** Info series with, in the place of values, when each was last written. */
async function selectInfo(call: Call, matchers: readonly Matcher[], scope: Scope): Promise<ColumnTable> {
  const { at, offsetMs } = timeShift(call.args[0], scope);
  const { from, to } = call;
  const offset = { kind: 'literal', seconds: offsetMs / 1000, duration: true, from, to } as const;
  const selector: VectorSelector = {
    kind: 'vectorSelector',
    name: '',
    matchers,
    offset,
    at,
    extension: null,
    from,
    to,
  };
  return materialize(await selectVector(selector, scope.steps, scope.run, 'info'), scope.run, scope.steps.count);
}

/** What ties info series to base series: the info metric's name and the identifying labels. */
function signature(name: string, labels: Labels): string {
  return JSON.stringify([name, ...IDENTIFYING.map((label) => labels.get(label))]);
}

/** For each signature, the row of the info series that was written last, at each step; -1 where there is none. */
function latestRows(info: ColumnTable, steps: Uint8Array): ReadonlyMap<string, Int32Array> {
  const latest = new Map<string, Int32Array>();
  info.series.forEach(({ labels }, row) => {
    const key = signature(labels.metricName, labels);
    let rows = latest.get(key);
    if (!rows) {
      rows = new Int32Array(info.count).fill(-1);
      latest.set(key, rows);
    }
    takeNewer(info, row, rows, steps);
  });
  return latest;
}

/** @param steps where there is a base series at all; elsewhere upstream does not look */
function takeNewer(info: ColumnTable, row: number, latest: Int32Array, steps: Uint8Array): void {
  const { count, present, values } = info;
  for (let s = 0; s < count; s++) {
    const cell = row * count + s;
    if (present[cell] === ABSENT || steps[s] === 0) continue;
    const other = latest[s] < 0 ? Number.NEGATIVE_INFINITY : values[latest[s] * count + s];
    if (values[cell] === other) throw duplicate(info, latest[s], row, values[cell]);
    if (values[cell] > other) latest[s] = row;
  }
}

function duplicate({ series }: ColumnTable, existing: number, added: number, seconds: number): Error {
  const at = Math.round(seconds * 1000);
  const first = `existing ${series[existing].labels} @ ${at}`;
  return executionError(`found duplicate series for info metric: ${first}, new ${series[added].labels} @ ${at}`);
}

/** Puts the labels of info series on base series. Which ones may change from step to step, and the series with them. */
class Enrichment {
  private readonly latest: ReadonlyMap<string, Int32Array>;
  private readonly names: readonly string[];
  private readonly rowOf = new Map<string, number>();
  private readonly out: ColumnTable;

  constructor(
    private readonly base: ColumnTable,
    private readonly info: ColumnTable,
    private readonly wanted: Wanted,
  ) {
    this.latest = latestRows(info, stepsOf(base));
    this.names = [...new Set(info.series.map(({ labels }) => labels.metricName))];
    this.out = new ColumnTable(base.count, base.series.length);
  }

  async all(ignored: (labels: Labels) => boolean, { run }: Scope): Promise<ColumnTable> {
    for (let row = 0; row < this.base.series.length; row++) {
      const { labels } = this.base.series[row];
      this.enrich(row, ignored(labels) ? null : this.candidates(labels));
      if (run.due()) await run.pause();
    }
    return this.out;
  }

  private candidates(labels: Labels): Int32Array[] {
    return this.names.flatMap((name) => this.latest.get(signature(name, labels)) ?? []);
  }

  private enrich(row: number, candidates: readonly Int32Array[] | null): void {
    const { base } = this;
    const meta = base.series[row];
    const known = new Map<string, SeriesMeta | null>();
    for (let s = 0; s < base.count; s++) {
      const cell = row * base.count + s;
      if (base.present[cell] === ABSENT) continue;
      const rows = candidates?.map((latest) => latest[s]).filter((found) => found >= 0) ?? [];
      const key = rows.join();
      let enriched = known.get(key);
      if (enriched === undefined) {
        enriched = candidates ? this.enriched(meta, rows) : meta;
        known.set(key, enriched);
      }
      if (enriched) this.put(enriched, s, cell);
    }
  }

  /** null where the series goes because no info series is there and its labels may not be missing. */
  private enriched({ labels, dropName }: SeriesMeta, rows: readonly number[]): SeriesMeta | null {
    const { data } = this.wanted;
    if (rows.length === 0) {
      const optional = [...data.values()].flat().every((matcher) => matcher.matches(''));
      return optional ? { labels, dropName } : null;
    }
    const added: Record<string, string> = {};
    for (const row of rows) {
      for (const [name, value] of Object.entries(this.info.series[row].labels.toJSON())) {
        if (name === METRIC_NAME || (data.size > 0 && !data.has(name))) continue;
        if (Object.hasOwn(added, name) && added[name] !== value) throw executionError(`conflicting label: ${name}`);
        if (!labels.has(name)) added[name] = value;
      }
    }
    return { labels: labels.with(added), dropName };
  }

  private put(meta: SeriesMeta, step: number, from: number): void {
    const { key } = meta.labels;
    let row = this.rowOf.get(key);
    if (row === undefined) {
      row = this.out.appendEmpty(meta);
      this.rowOf.set(key, row);
    }
    const cell = row * this.out.count + step;
    if (this.out.present[cell] !== ABSENT) throw executionError(SAME_LABELSET);
    this.out.copyCell(cell, this.base, from);
  }
}

/** 1 at the steps where any series is there. */
function stepsOf({ count, present }: ColumnTable): Uint8Array {
  const any = new Uint8Array(count);
  present.forEach((there, cell) => {
    if (there !== ABSENT) any[cell % count] = 1;
  });
  return any;
}

/** `info(v)` and `info(v, {…})`: the series of `v` with the labels of the info series of their targets. */
async function info(call: Call, scope: Scope): Promise<Prepared> {
  const wanted = wantedOf(call.args[1]);
  const base = await materialize(await scope.vector(call.args[0]), scope.run, scope.steps.count);
  const ignored = (labels: Labels): boolean => wanted.names.every((matcher) => matcher.matches(labels.metricName));
  const targets = base.series.map(({ labels }) => labels).filter((labels) => !ignored(labels));
  const matchers = infoMatchers(targets, wanted);
  const series = matchers ? await selectInfo(call, matchers, scope) : new ColumnTable(scope.steps.count, 0);
  const op = await new Enrichment(base, series, wanted).all(ignored, scope);
  return { type: 'vector', op };
}

export const infoFunctions: readonly FunctionSpec[] = [
  define('info', ['vector', 'vector'], 'vector', info, { variadic: 1, experimental: true }),
];
