import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { createApplicationMetrics } from './application-metrics.ts';

async function seriesValue(metrics: ReturnType<typeof createApplicationMetrics>, series: string): Promise<number> {
  const line = (await metrics.registry.metrics()).split('\n').find((text) => text.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

test('a sync function keeps its result, its this and its name', async () => {
  const metrics = createApplicationMetrics();
  const object = {
    factor: 2,
    twice: metrics.trackAnalysis<number>('taxonomic', (sequences) => ({ sequences }))(function twice(
      this: { factor: number },
      n: number,
    ) {
      return n * this.factor;
    }),
  };
  expect(object.twice(21)).toBe(42);
  expect(object.twice.name).toBe('twice');
  expect(await seriesValue(metrics, 'analysis_runs_total{analysis_type="taxonomic",status="success"}')).toBe(1);
  expect(await seriesValue(metrics, 'analysis_sequences_processed_total{analysis_type="taxonomic"}')).toBe(42);
});

test('an exception is counted as failed and rethrown, sync and async; active gauges come back to 0', async () => {
  const metrics = createApplicationMetrics();
  const problem = new Error('no such file');
  const sync = metrics.trackDownload('ncbi')(() => {
    throw problem;
  });
  const async_ = metrics.trackAnalysis('taxonomic')(async () => {
    await Promise.resolve();
    throw problem;
  });
  expect(() => sync()).toThrow(problem);
  await expect(async_()).rejects.toBe(problem);
  expect(await seriesValue(metrics, 'download_jobs_total{source="ncbi",status="failed"}')).toBe(1);
  expect(await seriesValue(metrics, 'download_active_jobs{source="ncbi"}')).toBe(0);
  expect(await seriesValue(metrics, 'analysis_runs_total{analysis_type="taxonomic",status="failed"}')).toBe(1);
  expect(await seriesValue(metrics, 'analysis_active_runs{analysis_type="taxonomic"}')).toBe(0);
});

test('the active gauge and the duration follow an async call', async () => {
  let nowMs = 0;
  const metrics = createApplicationMetrics({ now: () => nowMs });
  let finish: (loss: number) => void = () => {};
  const tracked = metrics.trackAnalysis('taxonomic')(() => new Promise<number>((resolve) => (finish = resolve)));
  const calls = [tracked(), tracked()];
  expect(await seriesValue(metrics, 'analysis_active_runs{analysis_type="taxonomic"}')).toBe(2);
  nowMs = 90_000;
  finish(7);
  await expect(calls[1]).resolves.toBe(7);
  expect(await seriesValue(metrics, 'analysis_active_runs{analysis_type="taxonomic"}')).toBe(1);
  expect(await seriesValue(metrics, 'analysis_duration_seconds_sum{analysis_type="taxonomic"}')).toBe(90);
});

test('training measures come from the result; requests carry the status of result or exception', async () => {
  const metrics = createApplicationMetrics();
  const train = metrics.trackTraining<{ id: string; accuracy: number }>('nb', (model) => ({
    runId: model.id,
    accuracy: model.accuracy,
  }))(async () => ({ id: 'r7', accuracy: 0.75 }));
  await train();
  expect(await seriesValue(metrics, 'training_accuracy{model_type="nb",run_id="r7"}')).toBe(0.75);

  const handler = metrics.trackRequest<{ code: number }>(
    { method: 'POST', endpoint: '/rpc/:name' },
    (r) => r.code,
  )((statusCode?: number) => {
    if (statusCode) throw Object.assign(new Error('bad'), { statusCode });
    return { code: 201 };
  });
  handler();
  expect(() => handler(422)).toThrow('bad');
  expect(() => handler(9)).toThrow('bad');
  for (const status of [201, 422, 500]) {
    const series = `http_requests_total{method="POST",endpoint="/rpc/:name",status="${status}"}`;
    expect(await seriesValue(metrics, series)).toBe(1);
  }
});

const FIXTURE = `
import { createApplicationMetrics } from '@avalanche/metrics';

export const metrics = createApplicationMetrics();

export class Pipeline {
  private readonly name = 'pipeline';

  @metrics.trackAnalysis<number>('taxonomic', (sequences) => ({ sequences }))
  async analyse(count: number): Promise<number> {
    await Promise.resolve();
    if (count < 0) throw new Error(this.name);
    return count;
  }

  @metrics.trackDownload('ncbi')
  fetch(): string {
    return this.name;
  }
}
`;

test('as a TC39 decorator, compiled by tsc and run by Node', { timeout: 60_000 }, async () => {
  const repository = resolve(import.meta.dirname, '../../..');
  const directory = mkdtempSync(join(tmpdir(), 'avalanche-decorator-'));
  try {
    writeFileSync(join(directory, 'pipeline.ts'), FIXTURE);
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
    writeFileSync(
      join(directory, 'tsconfig.json'),
      JSON.stringify({
        extends: join(repository, 'tsconfig.base.json'),
        compilerOptions: { noEmit: false, outDir: 'out', rewriteRelativeImportExtensions: true, rootDir: '/' },
        files: ['pipeline.ts'],
      }),
    );
    symlinkSync(join(repository, 'node_modules'), join(directory, 'node_modules'));
    execFileSync(join(repository, 'node_modules/.bin/tsc'), ['-p', directory], { cwd: directory, stdio: 'pipe' });
    const compiled = execFileSync('find', [join(directory, 'out'), '-name', 'pipeline.js'], {
      encoding: 'utf8',
    }).trim();
    const { metrics, Pipeline } = (await import(/* @vite-ignore */ pathToFileURL(compiled).href)) as DecoratedModule;
    const pipeline = new Pipeline();
    expect(await pipeline.analyse(12)).toBe(12);
    await expect(pipeline.analyse(-1)).rejects.toThrow('pipeline');
    expect(pipeline.fetch()).toBe('pipeline');
    expect(await seriesValue(metrics, 'analysis_runs_total{analysis_type="taxonomic",status="success"}')).toBe(1);
    expect(await seriesValue(metrics, 'analysis_runs_total{analysis_type="taxonomic",status="failed"}')).toBe(1);
    expect(await seriesValue(metrics, 'analysis_sequences_processed_total{analysis_type="taxonomic"}')).toBe(12);
    expect(await seriesValue(metrics, 'download_jobs_total{source="ncbi",status="success"}')).toBe(1);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

interface DecoratedModule {
  readonly metrics: ReturnType<typeof createApplicationMetrics>;
  readonly Pipeline: new () => { analyse(count: number): Promise<number>; fetch(): string };
}
