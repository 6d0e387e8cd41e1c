import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { type CurvePoint, fetchRun, type JobRun } from '../../api/runs.ts';
import { useRemote } from '../../api/use-remote.ts';
import { Sparkline } from '../../chart/sparkline.tsx';
import { cssColor } from '../../dashboard/color.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import { formatText } from '../../dashboard/units.ts';
import { Page } from '../../shell/page.tsx';
import { Loaded } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useNow } from '../../state/use-now.ts';
import { useScheme } from '../../state/use-scheme.ts';
import { useSize } from '../../state/use-size.ts';
import { NoRuns, OutcomeBadge, tookText, troubleText } from './run-words.tsx';

const CRUMBS = [{ word: 'Runs', href: '/runs' }];
const REFRESH_MS = 5_000;
const CURVE_PX = 140;

export function RunPage({ id }: { readonly id: string }): ReactNode {
  const { boot } = useApp();
  return typeof boot.runsUrl === 'string' ? <Run base={boot.runsUrl} id={id} /> : <NoRuns />;
}

/** One run: how it went, what it was given and used, and the curve of a training. */
function Run({ base, id }: { readonly base: string; readonly id: string }): ReactNode {
  const remote = useRemote(`run ${id}`, (signal) => fetchRun(base, id, signal), { refreshMs: REFRESH_MS });
  const { data } = remote;
  return (
    <Page crumbs={CRUMBS} title={data ? `${data.kind} ${data.name}` : ' '}>
      <Loaded remote={remote} what="The run" height={300}>
        {(run) => (
          <div className="am-stack">
            <Facts run={run} />
            <Curve points={run.curve ?? []} measure="loss" />
            <Curve points={run.curve ?? []} measure="accuracy" />
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function Facts({ run }: { readonly run: JobRun }): ReactNode {
  const nowMs = useNow();
  const trouble = troubleText(run);
  const facts = factsOf(run).filter(([, value]) => value !== '');
  const others = new URLSearchParams({ kind: run.kind, name: run.name });
  return (
    <div className="am-card am-stack" style={{ padding: 12, gap: 10 }}>
      <div className="am-row">
        <OutcomeBadge run={run} />
        <span className="am-num">
          {shortDateTime(Date.parse(run.started_at))}, {run.outcome === 'running' ? 'for ' : 'took '}
          {tookText(run, nowMs)}
        </span>
        <Link className="am-small" href={`/runs?${others}`}>
          all runs of this job
        </Link>
      </div>
      {trouble !== '' && <div className="am-break">{trouble}</div>}
      <dl className="am-facts">
        {facts.map(([word, value]) => (
          <FactRow key={word} word={word} value={value} />
        ))}
        {Object.entries(run.parameters ?? {}).map(([word, value]) => (
          <FactRow key={`parameter ${word}`} word={word} value={String(value)} />
        ))}
        <FactRow word="Id" value={run.run_id} />
      </dl>
    </div>
  );
}

function FactRow({ word, value }: { readonly word: string; readonly value: string }): ReactNode {
  return (
    <>
      <dt>{word}</dt>
      <dd className="am-break">{value}</dd>
    </>
  );
}

function factsOf(run: JobRun): readonly (readonly [word: string, value: string])[] {
  const text = (value: number | string | undefined, unit: string): string =>
    value === undefined ? '' : typeof value === 'string' ? value : formatText(value, unit);
  return [
    ['Host', run.host ?? ''],
    ['User', run.user ?? ''],
    ['Command', run.command ?? ''],
    ['CPU time', text(run.cpu_seconds, 's')],
    ['Peak memory', text(run.peak_memory_bytes, 'bytes')],
    ['Read', text(run.read_bytes, 'bytes')],
    ['Written', text(run.written_bytes, 'bytes')],
    ['Sequences', text(run.sequences, 'short')],
    ['Downloaded', text(run.bytes, 'bytes')],
    ['Size', text(run.size_bytes, 'bytes')],
    ['Loss', text(run.loss, 'none')],
    ['Accuracy', text(run.accuracy, 'percentunit')],
  ];
}

/** A measure by epoch; nothing where the run has none. */
function Curve({ points, measure }: { readonly points: readonly CurvePoint[]; readonly measure: 'loss' | 'accuracy' }) {
  const scheme = useScheme();
  const [ref, { width }] = useSize();
  const known = points.filter((point) => point[measure] !== undefined);
  if (known.length < 2) return null;
  const values = Float64Array.from(known, (point) => Number(point[measure]));
  const finite = known.filter((point) => Number.isFinite(Number(point[measure])));
  const better = (a: CurvePoint, b: CurvePoint): CurvePoint =>
    Number(b[measure]) < Number(a[measure]) === (measure === 'loss') ? b : a;
  const best = finite.length > 0 ? finite.reduce(better) : undefined;
  const last = known.at(-1);
  const unit = measure === 'loss' ? 'none' : 'percentunit';
  const show = (point: CurvePoint | undefined): string =>
    `${formatText(Number(point?.[measure]), unit)} at epoch ${point?.epoch}`;
  return (
    <section className="am-card" style={{ padding: 12 }} aria-label={measure}>
      <div className="am-row">
        <h2 className="am-panel-title">{measure === 'loss' ? 'Loss' : 'Accuracy'}</h2>
        <span className="am-num am-small">
          {show(last)}
          {best && best !== last && `, best ${show(best)}`}
        </span>
      </div>
      <div ref={ref} style={{ height: CURVE_PX }}>
        <Sparkline
          values={values}
          width={width}
          height={CURVE_PX}
          color={cssColor(measure === 'loss' ? 'orange' : 'blue', scheme)}
        />
      </div>
    </section>
  );
}
