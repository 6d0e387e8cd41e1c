import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { HttpClient, httpClientSchema, resolvePaths } from '@avalanche/web';
import { parseYaml } from '@avalanche/yamlfile';
import { type FlagSpecs, UsageError } from '../flags.ts';
import type { ToolInput } from './tool-command.ts';

export const httpConfigFlag: FlagSpecs = {
  'http.config.file': {
    kind: 'string',
    help: 'HTTP client configuration file for the tool to connect.',
    placeholder: '<filename>',
  },
};

/** An address as upstream takes it: `http` where it has no scheme. @throws UsageError */
export function serverUrl(text: string): URL {
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(address)) throw new UsageError(`invalid URL '${text}', try --help`);
  return new URL(address);
}

/** A client as the file of `--http.config.file` wants it. @throws FileError, UsageError, Error */
export function httpClientOf({ flags }: ToolInput, server: URL): HttpClient {
  const file = flags.string('http.config.file');
  if (file === '') return new HttpClient();
  if (server.username !== '') {
    throw new UsageError('Cannot set base auth in the server URL and use a http.config.file at the same time');
  }
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new UsageError(`path '${file}' does not exist, try --help`);
  }
  const config = parseYaml(file, text, httpClientSchema);
  return new HttpClient(resolvePaths(config, (path) => resolve(dirname(file), path)));
}

/** `NAME=VALUE` of a flag that can be given several times; `:` divides too. @throws UsageError */
export function pairsOf({ flags }: ToolInput, flag: string): Record<string, string> {
  const pairs = flags.list(flag).map((text): [string, string] => {
    const match = /^([^=:]+)[=:](.*)$/s.exec(text);
    if (!match) throw new UsageError(`expected KEY=VALUE got '${text}', try --help`);
    return [match[1], match[2]];
  });
  return Object.fromEntries(pairs);
}
