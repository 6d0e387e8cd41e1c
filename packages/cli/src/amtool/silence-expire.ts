import type { ToolCommand } from '../tools/tool-command.ts';
import { AlertmanagerClient, requiredUrl } from './client.ts';

export const silenceExpireCommand: ToolCommand = {
  path: ['silence', 'expire'],
  summary: 'Expire silences.',
  flags: {},
  args: [{ name: 'silence-ids', help: 'IDs of silences to expire.', many: true }],
  async run(input) {
    requiredUrl(input);
    if (input.flags.words.length === 0) throw new Error('no silence IDs specified');
    const client = AlertmanagerClient.of(input);
    for (const id of input.flags.words) await client.expireSilence(id);
    return 0;
  },
};
