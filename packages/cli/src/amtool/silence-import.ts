import { readFileSync } from 'node:fs';
import { UsageError } from '../flags.ts';
import type { Output } from '../tools/output.ts';
import { readStdin, type ToolCommand } from '../tools/tool-command.ts';
import { AlertmanagerClient, RefusedError, requiredUrl } from './client.ts';

type Given = Readonly<Record<string, unknown>>;

/** What a silence may be posted with. */
const KEYS: readonly string[] = ['id', 'annotations', 'comment', 'createdBy', 'endsAt', 'matchers', 'startsAt'];

export const silenceImportCommand: ToolCommand = {
  path: ['silence', 'import'],
  summary: 'Import silences from a JSON file that "silence query -o json" wrote, or from standard input.',
  flags: {
    force: {
      kind: 'boolean',
      short: 'f',
      help: 'Force adding new silences even if it already exists.',
      default: 'false',
    },
    worker: { kind: 'string', short: 'w', help: 'Number of concurrent workers to use for import.', default: '8' },
  },
  args: [{ name: 'input-file', help: 'JSON file with silences.', file: true }],
  async run(input, context) {
    requiredUrl(input);
    const workers = input.parsed('worker', parseWorkers);
    const file = input.arg('input-file');
    const silences = parseSilences(file === '' ? readStdin(context) : readFileSync(file, 'utf8'));
    const force = input.flags.boolean('force');
    const client = AlertmanagerClient.of(input);
    const queue = silences.map((silence) => (force ? withoutId(silence) : silence)).values();
    let failed = 0;
    const work = async (): Promise<void> => {
      for (const silence of queue) if (!(await addOne(client, silence, context.output))) failed++;
    };
    await Promise.all(Array.from({ length: workers }, work));
    if (failed > 0) throw new Error(`couldn't import ${failed} out of ${silences.length} silences`);
    return 0;
  },
};

function parseWorkers(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) === 0) {
    throw new UsageError(`--worker must be a whole number above 0, not ${JSON.stringify(text)}`);
  }
  return Number(text);
}

/** All is read before the first is sent, so that a broken file changes nothing. @throws Error */
function parseSilences(text: string): readonly Given[] {
  const wrong = (reason: string) => new Error(`couldn't unmarshal input data, is it JSON?: ${reason}`);
  if (text.trim() === '') throw wrong('EOF');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong((error as Error).message.replace(/\s+/g, ' '));
  }
  if (!Array.isArray(value)) throw wrong('a list of silences is wanted');
  return value.map((item: unknown) => {
    if (typeof item !== 'object' || item === null) throw wrong(`${JSON.stringify(item)} is no silence`);
    return Object.fromEntries(Object.entries(item).filter(([key]) => KEYS.includes(key)));
  });
}

function withoutId({ id: _, ...silence }: Given): Given {
  return silence;
}

/** A silence that the server does not know becomes a new one. @returns whether it was taken */
async function addOne(client: AlertmanagerClient, silence: Given, output: Output): Promise<boolean> {
  const add = (wanted: Given) => client.setSilence(wanted);
  try {
    const id = await add(silence).catch((error: unknown) => {
      if (error instanceof RefusedError && error.status === 404) return add(withoutId(silence));
      throw error;
    });
    output.out(`${id}\n`);
    return true;
  } catch (error) {
    output.err(`Error adding silence id='${String(silence.id ?? '')}': ${(error as Error).message}\n`);
    return false;
  }
}
