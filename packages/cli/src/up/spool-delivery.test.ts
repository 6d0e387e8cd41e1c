import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { startPushgateway } from '@avalanche/runs';
import { afterEach, expect, test, vi } from 'vitest';
import { deliveringSpool } from './spool-delivery.ts';

const directory = mkdtempSync(join(tmpdir(), 'spool-'));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

/** No process has it. */
const GONE = 2 ** 30;

test('what jobs could tell nobody is told when the stack is there, and nothing that is for another server', async () => {
  vi.stubEnv('XDG_STATE_HOME', directory);
  const role = await startPushgateway({
    ...{ listen: { host: '127.0.0.1', port: 0 }, logger: silentLogger, version: 'test' },
    ...{
      directory: join(directory, 'data'),
      persistenceFile: '',
      persistenceIntervalMs: 0,
      ttlMs: 0,
      runRetentionMs: 1e9,
    },
  });
  const { port } = new URL(role.url);
  const left = (host: string, pid: number): string => {
    const folder = join(directory, 'avalanche', 'runs', encodeURIComponent(host));
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${pid}.${pid}.jsonl`);
    const report = { event: 'done', run_id: String(pid), kind: 'backup', name: 'nightly', exit_status: 2 };
    writeFileSync(file, `${JSON.stringify(report)}\n{"torn`);
    return file;
  };
  const files = [left(`localhost:${port}`, GONE), left(`127.0.0.1:${port}`, process.pid), left('elsewhere:9091', GONE)];
  const delivering = deliveringSpool(role);
  try {
    const runs = async () =>
      ((await (await fetch(`${role.url}/api/v1/runs`)).json()) as { data: { runs: unknown[] } }).data.runs;
    await expect.poll(runs).toMatchObject([{ run_id: String(GONE), outcome: 'failed', exit_status: 2 }]);
    expect(files.map((file) => existsSync(file))).toEqual([false, true, true]);
  } finally {
    await delivering.stop();
  }
});
