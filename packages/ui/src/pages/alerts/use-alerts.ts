import { ApiError } from '../../api/http.ts';
import { type Remote, useRemote } from '../../api/use-remote.ts';
import type { App } from '../../state/app-context.tsx';
import { type AlertView, joinAlerts } from './alert-model.ts';

export interface AlertsNow {
  readonly alerts: readonly AlertView[];
  /** A server that did not answer, in words; the other's alerts are shown. */
  readonly missing: string | undefined;
}

const REFRESH_MS = 5000;

/** Firing and pending alerts of both servers, renewed every few seconds. Fails only where neither answers. */
export function useAlerts({ prometheus, alertmanager }: App): Remote<AlertsNow> {
  return useRemote(
    'alerts',
    async (signal): Promise<AlertsNow> => {
      const [rule, managed] = await Promise.allSettled([
        prometheus ? prometheus.alerts(signal) : [],
        alertmanager ? alertmanager.alerts(signal) : [],
      ]);
      const failures = [rule, managed].flatMap((part) => (part.status === 'rejected' ? [part.reason as Error] : []));
      if (failures[0] && (failures.length === 2 || !prometheus || !alertmanager)) throw asApiError(failures[0]);
      return {
        alerts: joinAlerts(
          rule.status === 'fulfilled' ? rule.value : [],
          managed.status === 'fulfilled' ? managed.value : [],
        ),
        missing: failures[0]?.message,
      };
    },
    { refreshMs: REFRESH_MS },
  );
}

function asApiError(error: Error): Error {
  return error instanceof ApiError ? error : new ApiError(error.message, 0, 'bug', { cause: error });
}
