import type { ToolSet } from '../commands/command.ts';
import { standardContext, type ToolCommand, type ToolContext } from '../tools/tool-command.ts';
import { runTool, type ToolProgram } from '../tools/tool-set.ts';
import { analyzeCommand } from './analyze.ts';
import { benchWriteCommand } from './bench-write.ts';
import { checkConfigCommand } from './check-config.ts';
import { checkMetricsCommand } from './check-metrics.ts';
import { checkRulesCommand } from './check-rules.ts';
import { checkHealthyCommand, checkReadyCommand } from './check-server.ts';
import { checkServiceDiscoveryCommand } from './check-service-discovery.ts';
import { checkWebConfigCommand } from './check-web-config.ts';
import { cleanupCommand } from './cleanup.ts';
import { debugAllCommand, debugMetricsCommand, debugPprofCommand } from './debug.ts';
import { dumpCommand, dumpOpenMetricsCommand } from './dump.ts';
import { explainCommand } from './explain.ts';
import { listCommand } from './list.ts';
import { openMetricsCommand } from './openmetrics.ts';
import { deleteMatcherCommand, promqlFormatCommand, setMatcherCommand } from './promql-edit.ts';
import { pushMetricsCommand } from './push-metrics.ts';
import { queryInstantCommand, queryLabelsCommand, queryRangeCommand, querySeriesCommand } from './query.ts';
import { queryAnalyzeCommand } from './query-analyze.ts';
import { rulesCommand } from './rules.ts';
import { testRulesCommand } from './test-rules.ts';

const COMMANDS: readonly ToolCommand[] = [
  benchWriteCommand,
  listCommand,
  analyzeCommand,
  dumpCommand,
  dumpOpenMetricsCommand,
  openMetricsCommand,
  rulesCommand,
  cleanupCommand,
  queryInstantCommand,
  queryRangeCommand,
  querySeriesCommand,
  queryLabelsCommand,
  queryAnalyzeCommand,
  explainCommand,
  checkRulesCommand,
  checkConfigCommand,
  checkWebConfigCommand,
  checkHealthyCommand,
  checkReadyCommand,
  testRulesCommand,
  checkMetricsCommand,
  checkServiceDiscoveryCommand,
  pushMetricsCommand,
  promqlFormatCommand,
  setMatcherCommand,
  deleteMatcherCommand,
  debugPprofCommand,
  debugMetricsCommand,
  debugAllCommand,
];

const PROMTOOL: ToolProgram = {
  name: 'promtool',
  commands: COMMANDS,
  /** Accepted for the sake of compatibility. */
  commonFlags: {
    'enable-feature': { kind: 'list', help: '', ignored: true },
    experimental: { kind: 'boolean', help: '', default: 'false', ignored: true },
  },
};

export const promtool: ToolSet = {
  runArguments(args) {
    return runPromtool(args, standardContext());
  },
};

/** `promtool` with these arguments. @returns the exit code */
export function runPromtool(args: readonly string[], context: ToolContext): Promise<number> {
  return runTool(PROMTOOL, args, context);
}
