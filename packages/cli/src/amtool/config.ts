import type { ToolCommand } from '../tools/tool-command.ts';
import { AlertmanagerClient, requiredUrl } from './client.ts';
import { formatOf } from './format.ts';

export const configShowCommand: ToolCommand = {
  path: ['config', 'show'],
  summary: 'View current config: with -o extended the versions too, with -o json everything.',
  flags: {},
  args: [],
  async run(input, { output }) {
    requiredUrl(input);
    const format = formatOf(input);
    output.out(format.config(await AlertmanagerClient.of(input).status()));
    return 0;
  },
};

export const clusterShowCommand: ToolCommand = {
  path: ['cluster', 'show'],
  summary: 'View cluster status and peers.',
  flags: {},
  args: [],
  async run(input, { output }) {
    requiredUrl(input);
    const format = formatOf(input);
    output.out(format.cluster((await AlertmanagerClient.of(input).status()).cluster));
    return 0;
  },
};
