import type { RunningRole } from '@avalanche/web';
import { defaultSpoolDirectory, ReportServer, Spool } from '../track/spool.ts';

const DELIVERY_MS = 60_000;

/** The pushgateway role, which also fetches what this user's jobs could tell nobody while it was down. */
export function deliveringSpool(role: RunningRole): RunningRole {
  const url = new URL(role.url);
  const server = new ReportServer(url);
  const names = new Set([url.hostname, '127.0.0.1', 'localhost', '[::1]']);
  const spools = [...names].map((name) => new Spool(defaultSpoolDirectory(process.env), `${name}:${url.port}`));
  const deliver = (): void => {
    for (const spool of spools) void spool.deliver(server);
  };
  const timer = setInterval(deliver, DELIVERY_MS);
  timer.unref();
  deliver();
  return {
    ...role,
    stop() {
      clearInterval(timer);
      return role.stop();
    },
  };
}
