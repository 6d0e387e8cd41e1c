import { readText } from '@avalanche/web';
import { httpClientOf, httpConfigFlag, serverUrl } from '../tools/http-config.ts';
import type { ToolCommand } from '../tools/tool-command.ts';

const TIMEOUT_MS = 10_000;

export const checkHealthyCommand = serverCheck('healthy', 'Check if the Prometheus server is healthy.');
export const checkReadyCommand = serverCheck('ready', 'Check if the Prometheus server is ready.');

function serverCheck(what: 'healthy' | 'ready', summary: string): ToolCommand {
  return {
    path: ['check', what],
    summary,
    flags: {
      ...httpConfigFlag,
      url: { kind: 'string', help: 'The URL for the Prometheus server.', default: 'http://localhost:9090' },
    },
    args: [],
    async run(input, { output }) {
      const server = serverUrl(input.flags.string('url'));
      const endpoint = new URL(`${server.pathname.replace(/\/+$/, '')}/-/${what}`, server);
      const client = httpClientOf(input, server);
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
