import { fstatSync, readFileSync } from 'node:fs';
import { checkAlertmanagerConfig, loadTemplates } from '@avalanche/alertmanager';
import { filesMatching } from '@avalanche/yamlfile';
import { describeFailure } from '../tools/failure.ts';
import type { Output } from '../tools/output.ts';
import { readStdin, type ToolCommand, type ToolContext } from '../tools/tool-command.ts';
import { Fatal } from './fatal.ts';

const STDIN_FILE = '/dev/stdin';

export const checkConfigCommand: ToolCommand = {
  path: ['check-config'],
  summary: 'Validate alertmanager config files and their templates; without a file, standard input.',
  flags: {},
  args: [{ name: 'check-files', help: 'Files to be validated.', many: true, file: true }],
  async run({ flags }, context) {
    const texts = flags.words.map((file) => ({ file, read: () => readFileSync(file, 'utf8') }));
    if (texts.length === 0) texts.push({ file: STDIN_FILE, read: () => pipedText(context) });
    let failed = 0;
    for (const { file, read } of texts) failed += await checkFile(file, read, context.output);
    if (failed > 0) throw new Error(`failed to validate ${failed} file(s)`);
    return 0;
  },
};

/** @throws Fatal where nobody writes to standard input */
function pipedText(context: ToolContext): string {
  if (!context.stdin && fstatSync(0).isCharacterDevice()) throw new Fatal('Failed to read from standard input');
  return readStdin(context);
}

/** @returns how much is wrong: the file, or its templates */
async function checkFile(file: string, read: () => string, output: Output): Promise<number> {
  let config: ReturnType<typeof checkAlertmanagerConfig>;
  try {
    config = checkAlertmanagerConfig(file, read());
  } catch (error) {
    if (error instanceof Fatal) throw error;
    output.out(`Checking '${file}'  FAILED: ${reasonOf(error)}\n\n`);
    return 1;
  }
  const { inhibitRules, receivers, templates } = config;
  output.out(`Checking '${file}'  SUCCESS
Found:
 - global config
 - route
 - ${inhibitRules.length} inhibit rules
 - ${receivers.length} receivers
 - ${templates.length} templates
`);
  const problem = templates.length > 0 ? await templateProblem(templates) : undefined;
  if (templates.length > 0) output.out(problem === undefined ? '  SUCCESS\n' : `  FAILED: ${problem}\n`);
  output.out('\n');
  return problem === undefined ? 0 : 1;
}

async function templateProblem(patterns: readonly string[]): Promise<string | undefined> {
  try {
    await loadTemplates(patterns.flatMap(filesMatching));
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** @throws what is our own fault */
function reasonOf(error: unknown): string {
  const reason = describeFailure(error);
  if (reason === null) throw error;
  return reason;
}
