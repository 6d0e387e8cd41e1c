import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory, StartupError } from '@avalanche/web';
import { type Command, loggerOf, untilAborted } from '../commands/command.ts';
import { type UpOptions, upFlags, upOptions } from './options.ts';
import { Stack } from './stack.ts';
import { renderTable } from './table.ts';

/** A stop that takes longer is cut off, so that the whole ends within five seconds. */
const STOP_TIMEOUT_MS = 4_800;

export const upCommand: Command = {
  flags: upFlags,
  async run(flags, signal) {
    const options = upOptions(flags);
    checkDirectories(options);
    const stack = new Stack(options, loggerOf(flags, 'log-'));
    const reload = () => void stack.reload();
    process.on('SIGHUP', reload);
    try {
      const states = await stack.start();
      process.stdout.write(renderTable(states));
      await untilAborted(signal);
    } finally {
      process.off('SIGHUP', reload);
      await withinTime(stack.stop());
    }
    return 0;
  },
};

function checkDirectories({ configDirectory, dataDirectory }: UpOptions): void {
  const config = join(configDirectory, 'prometheus', 'prometheus.yml');
  if (!existsSync(config)) {
    throw new StartupError('prometheus', `there is no ${config}`, 'name the folder with --config-dir');
  }
  try {
    makeDirectory(dataDirectory);
    accessSync(dataDirectory, constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new StartupError('up', `cannot write to ${dataDirectory}: ${reason}`, 'choose another with --data-dir');
  }
}

async function withinTime(stopping: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, STOP_TIMEOUT_MS);
  });
  await Promise.race([stopping, timeout]);
  clearTimeout(timer);
}
