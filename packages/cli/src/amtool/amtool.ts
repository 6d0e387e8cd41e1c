import type { ToolSet } from '../commands/command.ts';
import { UsageError } from '../flags.ts';
import { describeFailure } from '../tools/failure.ts';
import { standardContext, type ToolCommand, type ToolContext } from '../tools/tool-command.ts';
import { runTool, type ToolProgram } from '../tools/tool-set.ts';
import { alertAddCommand, alertQueryCommand } from './alert.ts';
import { checkConfigCommand } from './check-config.ts';
import { clusterShowCommand, configShowCommand } from './config.ts';
import { Fatal } from './fatal.ts';
import { commonFlags } from './flags.ts';
import { applyFeatures } from './matchers.ts';
import { routesShowCommand, routesTestCommand } from './routes.ts';
import { amtoolSettings } from './settings.ts';
import { silenceAddCommand } from './silence-add.ts';
import { silenceExpireCommand } from './silence-expire.ts';
import { silenceImportCommand } from './silence-import.ts';
import { silenceQueryCommand } from './silence-query.ts';
import { silenceUpdateCommand } from './silence-update.ts';
import { templateRenderCommand } from './template-render.ts';

const COMMANDS: readonly ToolCommand[] = [
  alertQueryCommand,
  alertAddCommand,
  silenceAddCommand,
  silenceExpireCommand,
  silenceImportCommand,
  silenceQueryCommand,
  silenceUpdateCommand,
  checkConfigCommand,
  clusterShowCommand,
  configShowCommand,
  routesShowCommand,
  routesTestCommand,
  templateRenderCommand,
];

const AMTOOL: ToolProgram = {
  name: 'amtool',
  commands: COMMANDS.map((command) => ({
    ...command,
    run(input, context) {
      applyFeatures(input);
      return command.run(input, context);
    },
  })),
  commonFlags,
  defaults: { alert: 'query', silence: 'query', cluster: 'show', config: 'show', 'config routes': 'show' },
  settings: amtoolSettings,
  complain: complaint,
};

export const amtool: ToolSet = {
  runArguments(args) {
    return runAmtool(args, standardContext());
  },
};

/** `amtool` with these arguments. @returns the exit code */
export function runAmtool(args: readonly string[], context: ToolContext): Promise<number> {
  return runTool(AMTOOL, args, context);
}

/** Upstream ends what it complains about with an empty line, but for what ends it at once. */
function complaint(error: unknown): string | null {
  if (error instanceof Fatal) return `amtool: error: ${error.message}\n`;
  const text = error instanceof UsageError ? error.message.replace(/, try --help$/, '') : describeFailure(error);
  return text === null ? null : `amtool: error: ${text}\n\n`;
}
