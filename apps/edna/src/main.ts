/** The service as a process of its own. Logs go to stderr; SIGTERM and SIGINT end it with exit code 0. */
import { createLogger, StartupError } from '@avalanche/web';
import { startApplication } from './application.ts';
import { parseOptions, USAGE } from './options.ts';

/** Whoever does not let go in this time is left behind. */
const STOP_TIMEOUT_MS = 4_000;

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), process.env);
  if (!options) {
    process.stdout.write(USAGE);
    return;
  }
  const log = createLogger({ level: options.logLevel, format: options.logFormat }, { role: 'application' });
  const starting = startApplication({ ...options.application, log });
  let stopping = false;
  const stop = (): void => {
    // Ctrl-C reaches us, and whoever started us then says SIGTERM: the second word must not cut the first stop short.
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(0), STOP_TIMEOUT_MS).unref();
    starting
      .then((application) => application.stop())
      .catch((error: unknown) => log.warn('stopping was not clean', { error }))
      .finally(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('disconnect', stop); // whoever started us with a channel, as `avalanche up` does, is gone
  // … and may have been killed while we were loaded, when nobody listened yet
  if (process.send !== undefined && !process.connected) stop();
  const { url, queueUrl } = await starting;
  log.info('the eDNA service is ready', { url, queueMetrics: queueUrl });
}

main().catch((error: unknown) => {
  const known = error instanceof StartupError;
  const hint = known && error.hint !== '' ? ` (${error.hint})` : '';
  const text = known ? `${error.role}: ${error.message}${hint}` : `application: ${(error as Error).stack ?? error}`;
  process.stderr.write(`${text}\n`);
  process.exit(1);
});
