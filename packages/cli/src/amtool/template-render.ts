import { readFileSync } from 'node:fs';
import { givenTemplateData, loadTemplates } from '@avalanche/alertmanager';
import { UsageError } from '../flags.ts';
import { glob } from '../tools/glob.ts';
import type { ToolCommand } from '../tools/tool-command.ts';
import { exampleData } from './example-data.ts';

export const templateRenderCommand: ToolCommand = {
  path: ['template', 'render'],
  summary: 'Render a given definition in a template file to standard output.',
  flags: {
    'template.glob': {
      kind: 'list',
      help: 'Glob of paths that will be expanded and used for rendering.',
      placeholder: 'GLOB',
    },
    'template.text': { kind: 'string', help: 'The template that will be rendered.', placeholder: 'TEXT' },
    'template.type': { kind: 'string', help: 'The type of the template: text or html.', default: 'text' },
    'template.data': {
      kind: 'string',
      help: 'File with the data of the alerts, in the JSON that webhooks get. An example, where there is none.',
      placeholder: 'FILE',
    },
  },
  requiredFlags: ['template.glob', 'template.text'],
  args: [],
  async run({ flags }, { output, now }) {
    const kind = flags.string('template.type');
    if (kind !== 'text' && kind !== 'html') throw new UsageError(`enum value must be one of html,text, got '${kind}'`);
    const file = flags.string('template.data');
    const given = file === '' ? exampleData(now()) : (JSON.parse(readFileSync(file, 'utf8')) as unknown);
    const data = givenTemplateData(given);
    const templates = await loadTemplates(flags.list('template.glob').flatMap(glob));
    output.out(templates.render(kind, flags.string('template.text'), data));
    return 0;
  },
};
