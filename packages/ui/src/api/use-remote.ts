import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError, isAbort } from './http.ts';

/** Data from a server, kept while it is away. */
export interface Remote<T> {
  readonly data: T | undefined;
  readonly error: ApiError | undefined;
  readonly loading: boolean;
  /** When `data` was received, in epoch milliseconds; 0 before that. */
  readonly atMs: number;
  readonly reload: () => void;
}

interface State<T> {
  readonly key: string;
  readonly data: T | undefined;
  readonly error: ApiError | undefined;
  readonly loading: boolean;
  readonly atMs: number;
}

export interface RemoteOptions {
  /** Asks again this often while the page is visible; 0 never. */
  readonly refreshMs?: number;
  /** Another key keeps showing the former data until the new ones are there. */
  readonly keep?: boolean;
  readonly enabled?: boolean;
}

/** Loads what `load` returns whenever `key` changes. The last good data stay while a later request fails. */
export function useRemote<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  { refreshMs = 0, keep = false, enabled = true }: RemoteOptions = {},
): Remote<T> {
  const [state, setState] = useState<State<T>>({ key, data: undefined, error: undefined, loading: enabled, atMs: 0 });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => setRound((n) => n + 1), []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` is how a reload asks for another run
  useEffect(() => {
    if (!enabled) return;
    const abort = new AbortController();
    setState((old) => (old.key === key || keep ? { ...old, loading: true } : { ...EMPTY, key }));
    latest.current(abort.signal).then(
      (data) => {
        if (!abort.signal.aborted) setState({ key, data, error: undefined, loading: false, atMs: Date.now() });
      },
      (error: unknown) => {
        if (abort.signal.aborted || isAbort(error)) return;
        const cause = error instanceof ApiError ? error : new ApiError(String(error), 0, 'bug', { cause: error });
        setState((old) => ({
          ...old,
          key,
          data: old.key === key || keep ? old.data : undefined,
          error: cause,
          loading: false,
        }));
      },
    );
    return () => abort.abort();
  }, [key, round, keep, enabled]);

  useEffect(() => {
    if (refreshMs <= 0 || !enabled) return;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') reload();
    }, refreshMs);
    return () => clearInterval(timer);
  }, [refreshMs, enabled, reload]);

  const current = state.key === key || keep ? state : { ...EMPTY, key };
  return { data: current.data, error: current.error, loading: current.loading, atMs: current.atMs, reload };
}

const EMPTY = { data: undefined, error: undefined, loading: true, atMs: 0 } as const;
