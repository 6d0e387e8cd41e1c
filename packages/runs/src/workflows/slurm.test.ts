import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startForTest } from '../role-fixture.ts';

const script = fileURLToPath(new URL('../../../../docs/examples/slurm-report.sh', import.meta.url));
const hasCurl = existsSync('/usr/bin/curl');

/** Runs the script as slurmctld does: with its variables and no search path. */
async function slurm(url: string, variables: Readonly<Record<string, string>>): Promise<void> {
  const env = { AVALANCHE_RUNS_URL: url, SLURM_JOB_ID: '4711', SLURM_JOB_NAME: 'asv & taxa', ...variables };
  const child = spawn('/bin/sh', [script], { env, stdio: 'inherit' });
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
}

test.skipIf(!hasCurl)('the example for SLURM reports jobs (needs curl)', async () => {
  const role = await startForTest();
  const job = { SLURM_JOB_USER: 'lena', SLURM_JOB_NODELIST: 'n[1-3]', SLURM_JOB_PARTITION: 'long' };
  await slurm(role.url, { ...job, SLURM_SCRIPT_CONTEXT: 'prolog_slurmctld' });
  expect(await role.data('/api/v1/runs/slurm-cluster-4711-0')).toMatchObject({ outcome: 'running', user: 'lena' });
  await role.clock.advance(60_000);
  await slurm(role.url, { ...job, SLURM_SCRIPT_CONTEXT: 'epilog_slurmctld', SLURM_JOB_EXIT_CODE2: '3:0' });
  expect(await role.data('/api/v1/runs/slurm-cluster-4711-0')).toMatchObject({
    ...{ kind: 'slurm', name: 'asv & taxa', outcome: 'failed', exit_status: 3, duration_seconds: 60, host: 'n[1-3]' },
    parameters: { partition: 'long' },
  });
  const alone = { SLURM_JOB_ID: '4712', SLURM_JOB_EXIT_CODE2: '0:15', SLURM_JOB_START_TIME: '1795417200' };
  await slurm(role.url, { ...alone, SLURM_SCRIPT_CONTEXT: 'epilog_slurmctld' });
  expect(await role.data('/api/v1/runs/slurm-cluster-4712-0')).toMatchObject({ outcome: 'failed', signal: '15' });
  await role.stop();
  role.remove();
  await slurm(role.url, { SLURM_SCRIPT_CONTEXT: 'prolog_slurmctld' });
});
