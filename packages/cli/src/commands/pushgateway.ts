import { join } from 'node:path';
import { type Logger, systemClock } from '@avalanche/model';
import { AnnotationSender, runAnnotation, startPushgateway } from '@avalanche/runs';
import { type FlagSpec, type Flags, UsageError } from '../flags.ts';
import { VERSION } from '../version.ts';
import {
  acceptedBoolean,
  type Command,
  durationOf,
  listenAddressOf,
  logFlags,
  loggerOf,
  untilAborted,
  webConfigFlag,
  webOf,
} from './command.ts';

const duration = (help: string, value: string): FlagSpec => ({ kind: 'string', help, default: value });

export const pushgatewayCommand: Command = {
  flags: {
    'web.listen-address': { kind: 'list', help: 'Address to listen on.', default: ':9091' },
    'web.telemetry-path': { kind: 'string', help: 'Path under which to expose metrics.', default: '/metrics' },
    'web.external-url': { kind: 'string', help: 'The URL under which it is reachable.', default: '' },
    'web.route-prefix': {
      kind: 'string',
      help: 'Prefix of all paths. Defaults to the path of --web.external-url.',
      default: '',
      placeholder: 'PATH',
    },
    'web.enable-lifecycle': { kind: 'boolean', help: 'Enable shutdown via HTTP request.', default: 'false' },
    'web.enable-admin-api': { kind: 'boolean', help: 'Let the API wipe what was pushed.', default: 'false' },
    'persistence.file': { kind: 'string', help: 'File that keeps pushed metrics over restarts.', default: '' },
    'persistence.interval': duration('How often that file is written, if something has changed.', '5m'),
    'push.disable-consistency-check': { kind: 'boolean', help: 'Take pushes unchecked.', default: 'false' },
    'push.ttl': duration(
      'How long a push without ?ttl= is kept; 0s: until it is deleted (ours, not upstream’s).',
      '0s',
    ),
    'storage.path': { kind: 'string', help: 'Folder of runs and schedules (ours).', default: 'data/' },
    'runs.retention': duration('How long ended runs are kept (ours).', '1y'),
    'annotations.url': {
      kind: 'string',
      help: 'Grafana that is told of each run that ends; with the token $GRAFANA_TOKEN (ours).',
      default: '',
      placeholder: 'URL',
    },
    'web.systemd-socket': acceptedBoolean,
    ...webConfigFlag,
    ...logFlags,
  },
  async run(flags, signal) {
    const logger = loggerOf(flags);
    const quit = new AbortController();
    const annotations = annotationsOf(flags, logger);
    const routePrefix = flags.string('web.route-prefix') || pathOf(flags.string('web.external-url'));
    const role = await startPushgateway({
      listen: listenAddressOf(flags),
      web: { ...(await webOf(flags, 'pushgateway', logger)), routePrefix },
      logger,
      version: VERSION,
      telemetryPath: flags.string('web.telemetry-path'),
      directory: join(flags.string('storage.path'), 'pushgateway'),
      persistenceFile: flags.string('persistence.file'),
      persistenceIntervalMs: durationOf(flags, 'persistence.interval') ?? 0,
      ttlMs: durationOf(flags, 'push.ttl') ?? 0,
      runRetentionMs: durationOf(flags, 'runs.retention') ?? 0,
      checkPushes: !flags.boolean('push.disable-consistency-check'),
      enableAdminApi: flags.boolean('web.enable-admin-api'),
      flags: { ...flags.all(), 'annotations.url': annotations ? '<secret>' : '' },
      ...(annotations ? { onRunEnd: (run) => annotations.send(runAnnotation(run)) } : {}),
      ...(flags.boolean('web.enable-lifecycle') ? { quit: () => quit.abort() } : {}),
    });
    logger.info('Listening on', { address: new URL(role.url).host });
    await untilAborted(AbortSignal.any([signal, quit.signal]));
    await role.stop();
    annotations?.close();
    return 0;
  },
};

function annotationsOf(flags: Flags, logger: Logger): AnnotationSender | undefined {
  const address = flags.string('annotations.url');
  if (address === '') return undefined;
  if (!/^https?:/.test(address) || !URL.canParse(address)) throw new UsageError('--annotations.url: not a URL of http');
  return new AnnotationSender({
    ...{ url: new URL(address), token: process.env.GRAFANA_TOKEN || undefined },
    ...{ logger, clock: systemClock },
  });
}

function pathOf(externalUrl: string): string {
  if (externalUrl === '') return '';
  if (!URL.canParse(externalUrl)) throw new UsageError(`--web.external-url: not a URL: ${externalUrl}`);
  return new URL(externalUrl).pathname;
}
