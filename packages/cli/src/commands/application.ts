import { type Flags, UsageError } from '../flags.ts';
import { startApplicationProcess } from '../up/application.ts';
import { type Command, logFlags, loggerOf, untilAborted, wholeNumberOf } from './command.ts';

export const applicationCommand: Command = {
  flags: {
    listen: { kind: 'string', help: 'Address to listen on.', default: '127.0.0.1' },
    port: { kind: 'string', help: 'Port of its HTTP API.', default: '8000' },
    'queue-port': { kind: 'string', help: 'Port of the metrics of its task queue, or off.', default: '9808' },
    'data-dir': {
      kind: 'string',
      help: 'Folder for jobs, uploads, references and backups.',
      default: 'data/application',
    },
    'runs-url': { kind: 'string', help: 'Report runs to this pushgateway role.', placeholder: 'URL' },
    demo: { kind: 'boolean', help: 'Keep submitting jobs at a human pace.', default: 'false' },
    ...logFlags,
  },
  async run(flags, signal) {
    const role = await startApplicationProcess({
      host: flags.string('listen'),
      port: portOf(flags, 'port'),
      queuePort: flags.string('queue-port') === 'off' ? null : portOf(flags, 'queue-port'),
      dataDirectory: flags.string('data-dir'),
      runsUrl: flags.string('runs-url') || null,
      demo: flags.boolean('demo'),
      logger: loggerOf(flags),
    });
    process.stdout.write(`application is running at ${role.url}\n`);
    const ended = await Promise.race([untilAborted(signal).then(() => false), role.ended.then(() => true)]);
    await role.stop();
    return ended ? 1 : 0;
  },
};

function portOf(flags: Flags, name: string): number {
  const port = wholeNumberOf(flags, name);
  if (port > 65_535) throw new UsageError(`--${name} must be at most 65535, not ${port}`);
  return port;
}
