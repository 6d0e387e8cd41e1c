import type { ToolSet } from '../commands/command.ts';
import { standardContext, type ToolContext } from '../tools/tool-command.ts';
import { runTool, type ToolProgram } from '../tools/tool-set.ts';
import { explainCommand } from './explain.ts';
import { commonFlags } from './flags.ts';
import { notificationsCommand } from './notifications.ts';
import { testCommand } from './test-receivers.ts';

const ALERTS: ToolProgram = {
  name: 'alerts',
  commands: [explainCommand, testCommand, notificationsCommand],
  commonFlags,
};

export const alerts: ToolSet = {
  runArguments(args) {
    return runAlerts(args, standardContext());
  },
};

/** `alerts` with these arguments. @returns the exit code */
export function runAlerts(args: readonly string[], context: ToolContext): Promise<number> {
  return runTool(ALERTS, args, context);
}
