import { startPostgresExporter } from '@avalanche/exporters';
import { UsageError } from '../flags.ts';
import { type Command, listenAddressOf } from './command.ts';
import { runExporter, webFlags } from './exporter.ts';

export const postgresExporter: Command = {
  flags: webFlags(9187),
  run: (flags, signal) =>
    runExporter(flags, signal, listenAddressOf(flags), (_flags, common) =>
      startPostgresExporter({
        ...common,
        telemetryPath: flags.string('web.telemetry-path'),
        dataSourceNames: dataSourceNames(process.env),
      }),
    ),
};

/** postgres_exporter's ways to name a server: DATA_SOURCE_NAME, or URI, user and password apart; ours: DATABASE_URL. */
function dataSourceNames(env: NodeJS.ProcessEnv): string[] {
  if (env.DATA_SOURCE_NAME) return env.DATA_SOURCE_NAME.split(',');
  if (env.DATA_SOURCE_URI) {
    const text = `postgresql://${env.DATA_SOURCE_URI}`;
    if (!URL.canParse(text)) throw new UsageError('DATA_SOURCE_URI must be HOST:PORT/DATABASE');
    const uri = new URL(text);
    uri.username = env.DATA_SOURCE_USER ?? '';
    uri.password = env.DATA_SOURCE_PASS ?? '';
    return [uri.href];
  }
  return env.DATABASE_URL ? [env.DATABASE_URL] : [''];
}
