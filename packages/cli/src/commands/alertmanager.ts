import { startAlertmanager } from '@avalanche/alertmanager';
import { uiDirectory, VERSION } from '../version.ts';
import { type Command, durationOf, listenAddressOf, logFlags, loggerOf, untilAborted } from './command.ts';

export const alertmanagerCommand: Command = {
  flags: {
    'config.file': { kind: 'string', help: 'Alertmanager configuration file name.', default: 'alertmanager.yml' },
    'storage.path': { kind: 'string', help: 'Base path for data storage.', default: 'data/' },
    'data.retention': { kind: 'string', help: 'How long to keep data for.', default: '120h' },
    'web.listen-address': { kind: 'list', help: 'Address to listen on.', default: ':9093' },
    'web.external-url': { kind: 'string', help: 'The URL under which Alertmanager is reachable.', default: '' },
    ...logFlags,
  },
  async run(flags, signal) {
    const externalUrl = flags.string('web.external-url').replace(/\/$/, '');
    const role = await startAlertmanager({
      configFile: flags.string('config.file'),
      directory: flags.string('storage.path'),
      listen: listenAddressOf(flags),
      logger: loggerOf(flags),
      version: VERSION,
      retentionMs: durationOf(flags, 'data.retention') ?? 120 * 3_600_000,
      ...(externalUrl ? { externalUrl } : {}),
      flags: flags.all(),
      ui: {
        directory: uiDirectory,
        boot: { prometheusUrl: null, alertmanagerUrl: '', grafanaUrl: null, version: VERSION },
      },
    });
    const reload = () => void role.reload().catch(() => {}); // told in the log
    process.on('SIGHUP', reload);
    await untilAborted(signal);
    process.off('SIGHUP', reload);
    await role.stop();
    return 0;
  },
};
