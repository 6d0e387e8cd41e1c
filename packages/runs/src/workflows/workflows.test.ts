import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startForTest } from '../role-fixture.ts';

let role: Awaited<ReturnType<typeof startForTest>>;
beforeEach(async () => {
  role = await startForTest();
});
afterEach(async () => {
  await role.stop();
  role.remove();
});

function recorded(name: string): string[] {
  return readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8')
    .trim()
    .split('\n');
}

test('Nextflow’s weblog is a run with what its tasks used', async () => {
  for (const body of recorded('nextflow.jsonl')) {
    expect((await role.ask('POST', '/api/v1/runs/nextflow', body)).status).toBe(200);
  }
  expect(await role.data('/api/v1/runs/8f2c31d4-5a9e-4c6f-9b53-2d1c66c0a911')).toMatchObject({
    ...{
      kind: 'workflow',
      name: 'avalanche/asv',
      outcome: 'success',
      exit_status: 0,
      user: 'lena',
      duration_seconds: 190,
    },
    ...{ cpu_seconds: 210, peak_memory_bytes: 524_288_000, read_bytes: 3000, written_bytes: 1200 },
    parameters: {
      reads: 'data/*.fastq.gz',
      min_length: 100,
      skip: false,
      run_name: 'friendly_pare',
      tasks_completed: 2,
    },
  });
});

test('a workflow of Nextflow that failed says why', async () => {
  const [started, ...rest] = recorded('nextflow.jsonl');
  const failed = (rest.at(-1) as string).replace(
    '"success":true,"exitStatus":0,"errorMessage":null',
    '"success":false,"exitStatus":1,"errorMessage":"DADA2 ran out of memory"',
  );
  for (const body of [started, failed]) await role.ask('POST', '/api/v1/runs/nextflow', body);
  expect(await role.data('/api/v1/runs/8f2c31d4-5a9e-4c6f-9b53-2d1c66c0a911')).toMatchObject({
    ...{ outcome: 'failed', exit_status: 1, error: 'DADA2 ran out of memory' },
  });
  expect((await role.ask('POST', '/api/v1/runs/nextflow', '{"event":1}')).status).toBe(400);
});

test.each(['7.21', '7.32'])(
  'two workflows of Snakemake %s as it reported them: one succeeds, one fails',
  async (version) => {
    let id = '';
    const ids: string[] = [];
    for (const line of recorded(`snakemake-${version}.jsonl`)) {
      const { method, path, body } = JSON.parse(line) as { method: string; path: string; body: string };
      const { status, text } = await role.ask(
        method,
        `/api/v1/runs/snakemake/asv${path}`,
        method === 'POST' ? body.replace('id=run1', `id=${id}`).replace('"id": "run1"', `"id": "${id}"`) : undefined,
      );
      expect(status).toBe(200);
      if (path !== '/create_workflow') continue;
      id = (JSON.parse(text) as { id: string }).id;
      ids.push(id);
    }
    expect(await role.data(`/api/v1/runs/${ids[0]}`)).toMatchObject({
      ...{
        kind: 'workflow',
        name: 'asv',
        outcome: 'success',
        progress: 1,
        parameters: { tasks: 3, tasks_completed: 3 },
      },
    });
    expect(await role.data(`/api/v1/runs/${ids[1]}`)).toMatchObject({ outcome: 'failed', error: 'rule bad failed' });
  },
);
