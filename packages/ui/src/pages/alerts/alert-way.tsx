import { Button } from '@mantine/core';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { Fragment, type ReactNode, useId, useState } from 'react';
import { Link } from 'wouter';
import type { AlertExplanation } from '../../api/alertmanager/insight.ts';
import { type Remote, useRemote } from '../../api/use-remote.ts';
import { Ago, LabelList } from '../../shell/badges.tsx';
import { Skeleton } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import type { AlertView } from './alert-model.ts';
import { type Piece, type RuleOfAlert, type Told, toldOf, verdictOf, type WayStep, wayOf } from './way-model.ts';

const REFRESH_MS = 10_000;
/** Of the part that comes from Alertmanager, while it is awaited. */
const AWAITED_HEIGHT = 300;

/** What became of the alerts of a name, ended ones included; its error where Alertmanager cannot tell. */
export function useExplanations(name: string): Remote<readonly AlertExplanation[]> {
  const { alertmanager } = useApp();
  const wanted = new URLSearchParams({ filter: `alertname=${JSON.stringify(name)}` });
  return useRemote(`explain ${name}`, async (signal) => alertmanager?.explain(wanted, signal) ?? [], {
    refreshMs: REFRESH_MS,
    enabled: alertmanager !== undefined,
  });
}

interface WayProps {
  readonly alert: AlertView;
  readonly of: RuleOfAlert | undefined;
  readonly explanations: Remote<readonly AlertExplanation[]>;
  readonly nowMs: number;
  readonly initiallyOpen: boolean;
}

/** The sentence that says why people have heard of an alert or not, and below it the way it took. */
export function AlertWay({ alert, of, explanations, nowMs, initiallyOpen }: WayProps): ReactNode {
  const { alertmanager } = useApp();
  const [open, setOpen] = useState(initiallyOpen);
  const id = useId();
  const found = explanations.data?.find(({ fingerprint }) => fingerprint === alert.fingerprint);
  const own = useOwnExplanation(alert, explanations.data !== undefined && !found);
  const awaited = alertmanager && ((!explanations.data && !explanations.error) || own.loading);
  const told: Told = alertmanager
    ? toldOf(found ?? own.data, explanations.data ? own.error : explanations.error)
    : { missing: 'nowhere' };
  return (
    <div className="am-stack" style={{ gap: 8 }}>
      <div className="am-verdict" role="status">
        {awaited ? <Skeleton height={20} /> : verdictOf(alert, told, of)}
      </div>
      <div>
        <Button
          size="compact-xs"
          variant="subtle"
          color="gray"
          aria-expanded={open}
          aria-controls={id}
          leftSection={open ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
          onClick={() => setOpen(!open)}
        >
          The way it took
        </Button>
      </div>
      <div id={id} hidden={!open}>
        {open && <Way steps={wayOf(alert, of, told)} nowMs={nowMs} />}
        {open && awaited && <Skeleton height={AWAITED_HEIGHT} />}
      </div>
    </div>
  );
}

/** The server explains only so many alerts at once; one that is not among them is asked for by itself. */
function useOwnExplanation({ fingerprint }: AlertView, enabled: boolean): Remote<AlertExplanation | undefined> {
  const { alertmanager } = useApp();
  const asked = enabled && alertmanager !== undefined && fingerprint !== undefined;
  const remote = useRemote(
    `explain one ${fingerprint}`,
    async (signal) =>
      (await alertmanager?.explain(new URLSearchParams({ fingerprint: fingerprint ?? '' }), signal))?.[0],
    { refreshMs: REFRESH_MS, enabled: asked },
  );
  return asked ? remote : { ...remote, loading: false };
}

export function Way({ steps, nowMs }: { readonly steps: readonly WayStep[]; readonly nowMs: number }): ReactNode {
  return (
    <ol className="am-way" aria-label="The way it took">
      {steps.map(({ key, title, tone, lines }) => (
        <li key={key} className={`am-way-step am-${tone}`}>
          <span className="am-way-title">{title}</span>
          <span className="am-way-lines">
            {lines.map((pieces, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: lines of a step have no name and keep their order
              <span key={i} className="am-way-line">
                <Pieces pieces={pieces} nowMs={nowMs} />
              </span>
            ))}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Pieces({ pieces, nowMs }: { readonly pieces: readonly Piece[]; readonly nowMs: number }): ReactNode {
  return pieces.map((piece, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a line have no name and keep their order
    <Fragment key={i}>{pieceNode(piece, nowMs)}</Fragment>
  ));
}

function pieceNode(piece: Piece, nowMs: number): ReactNode {
  if (typeof piece === 'string') return piece;
  if ('code' in piece) return <code className="am-break">{piece.code}</code>;
  if ('at' in piece) return <Ago at={piece.at} nowMs={nowMs} />;
  if ('labels' in piece) return <LabelList labels={piece.labels} />;
  if (piece.href.startsWith('/')) return <Link href={piece.href}>{piece.text}</Link>;
  return (
    <a href={piece.href} target="_blank" rel="noreferrer" className="am-break">
      {piece.text}
    </a>
  );
}
