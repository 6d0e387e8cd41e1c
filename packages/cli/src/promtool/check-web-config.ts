import { checkWebConfig } from '@avalanche/web';
import { describeFailure } from '../tools/failure.ts';
import type { ToolCommand } from '../tools/tool-command.ts';

export const checkWebConfigCommand: ToolCommand = {
  path: ['check', 'web-config'],
  summary: 'Check if the web config files are valid or not.',
  flags: {},
  args: [{ name: 'web-config-files', help: 'The files to check.', required: true, many: true, file: true }],
  async run(input, { output }) {
    let failed = false;
    for (const file of input.rest('web-config-files')) {
      try {
        checkWebConfig(file);
        output.err(`${file} SUCCESS\n`);
      } catch (error) {
        const reason = describeFailure(error);
        if (reason === null) throw error;
        output.err(`${file} FAILED: ${reason}\n`);
        failed = true;
      }
    }
    return failed ? 1 : 0;
  },
};
