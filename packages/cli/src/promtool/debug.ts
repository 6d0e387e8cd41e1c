import { writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { HttpClient } from '@avalanche/web';
import type { ToolCommand } from '../tools/tool-command.ts';
import { tarOf } from './tar.ts';

const ARCHIVE = 'debug.tar.gz';

interface Endpoint {
  readonly path: string;
  readonly file: string;
  /** Whether it answers with a profile, which is stored as it is without compression. */
  readonly isProfile: boolean;
}

const PROFILES: readonly Endpoint[] = [
  ...['block', 'goroutine', 'heap', 'mutex', 'threadcreate'].map((name) => ({
    path: `/debug/pprof/${name}`,
    file: `${name}.pb`,
    isProfile: true,
  })),
  { path: '/debug/pprof/profile?seconds=30', file: 'cpu.pb', isProfile: true },
  { path: '/debug/pprof/trace?seconds=30', file: 'trace.pb', isProfile: false },
];
const METRICS: readonly Endpoint[] = [{ path: '/metrics', file: 'metrics.txt', isProfile: false }];

export const debugPprofCommand = debugCommand('pprof', 'Fetch profiling debug information.', PROFILES);
export const debugMetricsCommand = debugCommand('metrics', 'Fetch metrics debug information.', METRICS);
export const debugAllCommand = debugCommand('all', 'Fetch all debug information.', [...PROFILES, ...METRICS]);

/** A command that asks these and puts the answers into `debug.tar.gz` in the working directory. */
function debugCommand(name: string, summary: string, endpoints: readonly Endpoint[]): ToolCommand {
  return {
    path: ['debug', name],
    summary,
    flags: {},
    args: [{ name: 'server', help: 'Prometheus server to get it from.', required: true }],
    async run(input, { output, now }) {
      const http = new HttpClient();
      try {
        const files = new Map<string, Uint8Array>();
        for (const { path, file, isProfile } of endpoints) {
          const url = `${input.arg('server')}${path}`;
          output.out(`collecting: ${url}\n`);
          const bytes = await bodyOf(http, url);
          files.set(file, isProfile ? profileOf(bytes) : bytes);
        }
        writeFileSync(ARCHIVE, gzipSync(tarOf(files, now())));
        output.out(`Compiling debug information complete, all files written in "${ARCHIVE}".\n`);
        return 0;
      } catch (error) {
        throw new Error(`error completing debug command: ${(error as Error).message}`, { cause: error });
      } finally {
        http.close();
      }
    },
  };
}

/** @throws Error */
async function bodyOf(http: HttpClient, url: string): Promise<Uint8Array> {
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await http.request(url)).body) chunks.push(chunk as Uint8Array);
    return Buffer.concat(chunks);
  } catch (error) {
    throw new Error(`error executing HTTP request: ${(error as Error).message}`, { cause: error });
  }
}

/** A profile without its compression; servers of Go send no other. @throws Error */
function profileOf(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new Error('error post-processing HTTP response body: parsing profile: unrecognized profile format', {
      cause: error,
    });
  }
}
