import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { HttpClient, httpClientSchema, readText, resolvePaths } from '@avalanche/web';
import { parseYaml } from '@avalanche/yamlfile';
import type { ToolCommand, ToolInput } from './tool-command.ts';

const TIMEOUT_MS = 10_000;

export const checkHealthyCommand = serverCheck('healthy', 'Check if the Prometheus server is healthy.');
export const checkReadyCommand = serverCheck('ready', 'Check if the Prometheus server is ready.');

function serverCheck(what: 'healthy' | 'ready', summary: string): ToolCommand {
  return {
    path: ['check', what],
    summary,
    flags: {
      'http.config.file': { kind: 'string', help: 'HTTP client configuration file for promtool to connect.' },
      url: { kind: 'string', help: 'The URL for the Prometheus server.', default: 'http://localhost:9090' },
    },
    args: [],
    async run(input, { output }) {
      const server = serverUrl(input.flags.string('url'));
      const endpoint = new URL(`${server.pathname.replace(/\/+$/, '')}/-/${what}`, server);
      const client = httpClientOf(input);
      try {
        const response = await client.request(endpoint, { signal: AbortSignal.timeout(TIMEOUT_MS) });
        const text = await readText(response);
        if (response.status !== 200) {
          throw new Error(`check failed: URL=${server.href.replace(/\/$/, '')}, status=${response.status}`);
        }
        output.err(`  SUCCESS:  ${text}\n`);
        return 0;
      } finally {
        client.close();
      }
    },
  };
}

function serverUrl(text: string): URL {
  return new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
}

/** A client as the file of `--http.config.file` wants it. @throws FileError */
function httpClientOf({ flags }: ToolInput): HttpClient {
  const file = flags.string('http.config.file');
  if (file === '') return new HttpClient();
  const config = parseYaml(file, readFileSync(file, 'utf8'), httpClientSchema);
  return new HttpClient(resolvePaths(config, (path) => resolve(dirname(file), path)));
}
