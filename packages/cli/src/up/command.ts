import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory, StartupError } from '@avalanche/web';
import { type Command, loggerOf, untilAborted } from '../commands/command.ts';
import { type UpOptions, upFlags, upOptions } from './options.ts';
import { Stack } from './stack.ts';
import { renderTable } from './table.ts';

/** A stop that takes longer is cut off, so that the whole ends within five seconds. */
const STOP_TIMEOUT_MS = 4_800;
/** How much of that a start that is under way has to come to its end, so that what it starts can be stopped. */
const START_GRACE_MS = 2_000;

export const upCommand: Command = {
  flags: upFlags,
  async run(flags, signal) {
    const options = upOptions(flags);
    checkDirectories(options);
    const stack = new Stack(options, loggerOf(flags, 'log-'));
    const reload = () => void stack.reload();
    process.on('SIGHUP', reload);
    const starting = stack.start();
    try {
      const states = await Promise.race([starting, untilAborted(signal)]);
      if (states) process.stdout.write(renderTable(states));
      await untilAborted(signal);
    } finally {
      const settled = starting.then(
        () => {},
        () => {}, // told by the race above, or of no interest any more
      );
      const begun = Date.now();
      await within(START_GRACE_MS, settled);
      await within(STOP_TIMEOUT_MS - (Date.now() - begun), stack.stop());
      process.off('SIGHUP', reload);
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

async function within(ms: number, ending: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([ending, timeout]);
  clearTimeout(timer);
}
