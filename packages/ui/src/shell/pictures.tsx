import { Button } from '@mantine/core';
import { IconAlertTriangle, IconCloudOff } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { Remote } from '../api/use-remote.ts';
import { spokenAgo } from '../dashboard/duration.ts';
import { useNow } from '../state/use-now.ts';

export function Skeleton({ height }: { readonly height: number | string }): ReactNode {
  return <div className="am-skeleton" style={{ height }} aria-busy="true" role="status" aria-label="Loading" />;
}

export function Failed(props: {
  readonly title: string;
  readonly message: string;
  readonly onRetry?: () => void;
}): ReactNode {
  return (
    <div className="am-picture am-failed" role="alert">
      <IconAlertTriangle size={22} aria-hidden="true" />
      <strong>{props.title}</strong>
      <div className="am-break">{props.message}</div>
      {props.onRetry && (
        <Button size="compact-xs" variant="default" onClick={props.onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** What came from a server: a skeleton before, the error where there is nothing else, greyed data while it is away. */
export function Loaded<T>(props: {
  readonly remote: Remote<T>;
  readonly what: string;
  readonly height?: number;
  readonly children: (data: T) => ReactNode;
}): ReactNode {
  const { remote, what } = props;
  if (remote.data === undefined) {
    if (!remote.error) return <Skeleton height={props.height ?? 160} />;
    return (
      <div className="am-card" style={{ minHeight: props.height ?? 160, display: 'grid' }}>
        <Failed title={`${what} could not be loaded`} message={remote.error.message} onRetry={remote.reload} />
      </div>
    );
  }
  return (
    <>
      {remote.error && <AwayNotice remote={remote} />}
      <div className={remote.error ? 'am-stale' : undefined}>{props.children(remote.data)}</div>
    </>
  );
}

function AwayNotice<T>({ remote }: { readonly remote: Remote<T> }): ReactNode {
  const nowMs = useNow();
  return (
    <div className="am-notice" role="status">
      <IconCloudOff size={18} aria-hidden="true" />
      <span className="am-grow">
        {remote.error?.message} What is shown was received {spokenAgo(remote.atMs, nowMs)}.
      </span>
      <Button size="compact-xs" variant="default" onClick={remote.reload}>
        Try again
      </Button>
    </div>
  );
}

export function Empty(props: { readonly title: string; readonly children?: ReactNode }): ReactNode {
  return (
    <div className="am-empty">
      <h2>{props.title}</h2>
      <div className="am-dim">{props.children}</div>
    </div>
  );
}
