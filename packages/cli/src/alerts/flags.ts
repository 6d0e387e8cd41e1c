import { type FlagSpecs, UsageError } from '../flags.ts';
import { httpConfigFlag } from '../tools/http-config.ts';
import type { ToolInput } from '../tools/tool-command.ts';

/** Flags that every command takes. */
export const commonFlags: FlagSpecs = {
  'alertmanager.url': { kind: 'string', help: 'Alertmanager to talk to.', default: 'http://localhost:9093' },
  output: { kind: 'string', short: 'o', help: 'Output: simple or json.', default: 'simple' },
  timeout: { kind: 'string', help: 'Time that the servers have to answer.', default: '1m' },
  ...httpConfigFlag,
};

/** @throws UsageError */
export function wantsJson({ flags }: ToolInput): boolean {
  const output = flags.string('output');
  if (output !== 'simple' && output !== 'json')
    throw new UsageError(`--output must be simple or json, not '${output}'`);
  return output === 'json';
}

export function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
