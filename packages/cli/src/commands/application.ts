import { startApplicationProcess } from '../up/application.ts';
import { type Command, logFlags, loggerOf, untilAborted, wholeNumberOf } from './command.ts';

export const applicationCommand: Command = {
  flags: {
    listen: { kind: 'string', help: 'Address to listen on.', default: '127.0.0.1' },
    port: { kind: 'string', help: 'Port of its HTTP API.', default: '8000' },
    'queue-port': { kind: 'string', help: 'Port of the metrics of its task queue.', default: '9808' },
    'data-dir': {
      kind: 'string',
      help: 'Folder for jobs, uploads, references and backups.',
      default: 'data/application',
    },
    demo: { kind: 'boolean', help: 'Keep submitting jobs at a human pace.', default: 'false' },
    ...logFlags,
  },
  async run(flags, signal) {
    const role = await startApplicationProcess({
      host: flags.string('listen'),
      port: wholeNumberOf(flags, 'port'),
      queuePort: wholeNumberOf(flags, 'queue-port'),
      dataDirectory: flags.string('data-dir'),
      demo: flags.boolean('demo'),
      logger: loggerOf(flags),
    });
    process.stdout.write(`application is running at ${role.url}\n`);
    await untilAborted(signal);
    await role.stop();
    return 0;
  },
};
