import { formatMatcher } from '../../api/alertmanager/matcher.ts';
import type { Silence } from '../../api/alertmanager/types.ts';
import { ApiError } from '../../api/http.ts';
import { type Remote, useRemote } from '../../api/use-remote.ts';
import { useApp } from '../../state/app-context.tsx';

/** One silence by its id. */
export function useSilence(id: string, refreshMs = 0): Remote<Silence> {
  const { alertmanager } = useApp();
  return useRemote(
    `silence ${id}`,
    async (signal) => {
      if (!alertmanager) throw new ApiError('This server does not know an Alertmanager.', 0, 'away');
      try {
        return await alertmanager.silence(id, signal);
      } catch (error) {
        if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 422)) throw error;
        throw new ApiError('There is none with this id. Ended ones are forgotten after some days.', error.status);
      }
    },
    { refreshMs },
  );
}

/** The form of a new silence, filled with those of `silence`. */
export function againHref(silence: Silence): string {
  const matchers = silence.matchers.map(formatMatcher).join('\n');
  return `/silences/new?${new URLSearchParams({ matchers, comment: silence.comment })}`;
}
