import { startGrafana } from '@avalanche/grafana';
import { uiDirectory, VERSION } from '../version.ts';
import { type Command, listenAddressOf, logFlags, loggerOf, untilAborted } from './command.ts';

export const grafanaCommand: Command = {
  flags: {
    'config-dir': { kind: 'string', help: 'Folder with provisioning/ and dashboards/.', default: 'config/grafana' },
    'data-dir': { kind: 'string', help: 'Folder for users and saved dashboards.', default: 'data/grafana' },
    'web.listen-address': { kind: 'list', help: 'Address to listen on.', default: '127.0.0.1:3000' },
    ...logFlags,
  },
  async run(flags, signal) {
    const environment = {
      PROMETHEUS_URL: 'http://127.0.0.1:9090',
      ALERTMANAGER_URL: 'http://127.0.0.1:9093',
      ...process.env,
    };
    const role = await startGrafana({
      configDirectory: flags.string('config-dir'),
      directory: flags.string('data-dir'),
      listen: listenAddressOf(flags),
      logger: loggerOf(flags),
      version: VERSION,
      uiDirectory,
      environment,
    });
    await untilAborted(signal);
    await role.stop();
    return 0;
  },
};
