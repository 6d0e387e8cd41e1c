import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, silentLogger } from '@avalanche/model';
import { type PushgatewayOptions, startPushgateway } from './start.ts';

export const BEGIN = Date.parse('2026-11-23T07:00:00Z');

/** The report of a training that begins. */
export const TRAINING = {
  event: 'start',
  kind: 'training',
  name: 'cnn',
  run_id: 'r1',
  parameters: { lr: 0.01, layers: 3 },
};

export interface RunJson {
  readonly run_id: string;
  readonly outcome: string;
  readonly [key: string]: unknown;
}

export type TestRole = Awaited<ReturnType<typeof startForTest>>;

/** The same role after it has ended, with its files and its clock. */
export async function restarted(role: TestRole): Promise<TestRole> {
  await role.stop();
  return startForTest({ directory: role.directory, clock: role.clock });
}

/** A role on a port of its own, with a clock that the test moves. */
export async function startForTest(options: Partial<PushgatewayOptions> & { readonly clock?: ManualClock } = {}) {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'runs-'));
  const { clock = new ManualClock(BEGIN) } = options;
  const role = await startPushgateway({
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: '1.2.3',
    directory,
    persistenceFile: join(directory, 'pushed.json'),
    persistenceIntervalMs: 0,
    ttlMs: 0,
    runRetentionMs: 30 * 86_400_000,
    ...options,
    clock,
  });
  const { url } = role;
  const ask = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: response.status, text: await response.text() };
  };
  const data = async (path: string) => (JSON.parse((await ask('GET', path)).text) as { data: never }).data;
  return {
    directory,
    clock,
    url,
    ask,
    data,
    run: async (id: string): Promise<RunJson> => data(`/api/v1/runs/${id}`),
    runIds: async (query = ''): Promise<string[]> => {
      const { runs } = (await data(`/api/v1/runs${query}`)) as { runs: readonly RunJson[] };
      return runs.map(({ run_id }) => run_id);
    },
    stop: () => role.stop(),
    remove: () => rmSync(directory, { recursive: true, force: true }),
    report: async (body: unknown) => {
      const { status: code, text } = await ask('POST', '/api/v1/runs', JSON.stringify(body));
      return { code, ...(JSON.parse(text) as { readonly data?: unknown; readonly error?: string }) };
    },
    value: async (series: string) => {
      const { text } = await ask('GET', '/metrics');
      const line = text.split('\n').find((one) => one.startsWith(`${series} `));
      return line === undefined ? undefined : Number(line.slice(series.length + 1));
    },
  };
}
