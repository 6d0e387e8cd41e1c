import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, hasPostgres, hasRedis, startPostgres, startRedis } from '../../../tests/support/services.ts';
import { type ApplicationOptions, type RunningApplication, startApplication } from './application.ts';
import { generateReads, generateReference } from './demo/generator.ts';

const MIB = 1024 * 1024;
const READS = gzipSync(generateReads(generateReference(), { seed: 5, reads: 60, species: 3 }));

interface JobView {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly progress: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: string; readonly message: string };
}

/** A running service and what a client does with it. */
class Subject {
  private constructor(
    readonly application: RunningApplication,
    readonly directory: string,
  ) {}

  static async start(options: Partial<ApplicationOptions> = {}, directory?: string): Promise<Subject> {
    const dataDirectory = directory ?? (await mkdtemp(join(tmpdir(), 'avalanche-edna-')));
    const application = await startApplication({ port: 0, queuePort: 0, dataDirectory, ...options });
    return new Subject(application, dataDirectory);
  }

  async stop(): Promise<void> {
    await this.application.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  post(path: string, body: unknown): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    return fetch(this.application.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  upload(body: Buffer | string, query = ''): Promise<Response> {
    const headers = { 'content-type': 'application/octet-stream' };
    const bytes = new Uint8Array(Buffer.from(body));
    return fetch(`${this.application.url}/api/analyses${query}`, { method: 'POST', headers, body: bytes });
  }

  async finished(response: Response): Promise<JobView> {
    expect(response.status).toBe(202);
    const { id } = (await response.json()) as JobView;
    let job: JobView | undefined;
    await expect
      .poll(
        async () => {
          job = (await (await fetch(`${this.application.url}/api/jobs/${id}`)).json()) as JobView;
          return job.status;
        },
        { timeout: 15_000, interval: 25 },
      )
      .toMatch(/succeeded|failed/);
    return job as JobView;
  }

  async refusal(response: Response): Promise<{ status: number; code: string; message: string }> {
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    return { status: response.status, ...error };
  }

  async value(series: string, from: 'application' | 'queue' = 'application'): Promise<number | undefined> {
    const base = from === 'queue' ? this.application.queueUrl : this.application.url;
    const text = await (await fetch(`${base}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }
}

describe('the eDNA service', () => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await Subject.start({ limits: { inputBytesMax: 4 * MIB }, allowPrivateDownloads: true });
  });
  afterAll(() => subject.stop());

  test('analyses an upload, raw, as a form, and by its path', async () => {
    const raw = await subject.finished(await subject.upload(READS));
    expect(raw).toMatchObject({ kind: 'analysis', status: 'succeeded', progress: 1, result: { reads: 60 } });
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(READS)]), 'reads.fastq.gz');
    const sent = await fetch(`${subject.application.url}/api/analyses?type=taxonomic`, { method: 'POST', body: form });
    expect((await subject.finished(sent)).result).toEqual(raw.result);
    await writeFile(join(subject.directory, 'downloads', 'mine.fastq.gz'), READS);
    const named = await subject.post('/api/analyses', { path: 'downloads/mine.fastq.gz', type: 'taxonomic' });
    expect((await subject.finished(named)).result).toEqual(raw.result);
    expect(await readdir(join(subject.directory, 'uploads'))).toEqual([]);
    expect(await subject.value('analysis_sequences_processed_total{analysis_type="taxonomic"}')).toBe(180);
    expect(await subject.value('analysis_active_runs{analysis_type="taxonomic"}')).toBe(0);
  });

  test('trains, backs up, downloads, and shows all of it', async () => {
    const trained = await subject.finished(await subject.post('/api/trainings', { folds: 2 }));
    expect(trained.result?.accuracy).toBeGreaterThan(0.8);
    const accuracy = `training_accuracy{model_type="naive_bayes",run_id="${trained.id}"}`;
    expect(await subject.value(accuracy)).toBe(trained.result?.accuracy);

    const server = createHttpServer((_request, response) => response.end(READS));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/r.gz`;
    const downloaded = await subject.finished(await subject.post('/api/downloads', { url }));
    server.close();
    expect(downloaded.result).toMatchObject({ bytes: READS.length });
    const analysed = await subject.post('/api/analyses', { path: downloaded.result?.path });
    expect((await subject.finished(analysed)).result).toMatchObject({ reads: 60 });
    expect(await subject.value('download_bytes_total{source="other"}')).toBe(READS.length);

    const backup = await subject.finished(await subject.post('/api/backups', {}));
    expect(backup.result).toMatchObject({ verified: true });
    expect(await subject.value('backup_success{backup_type="full"}')).toBe(1);
    expect(await subject.value('backup_size_bytes{backup_type="full"}')).toBe(backup.result?.sizeBytes);

    const { jobs } = (await (await fetch(`${subject.application.url}/api/jobs?limit=2`)).json()) as { jobs: JobView[] };
    expect(jobs.map(({ kind }) => kind)).toEqual(['backup', 'analysis']);
    expect(
      await subject.value(
        'celery_task_succeeded_total{name="edna.backup",hostname="' +
          (await hostOf(subject)) +
          '",queue_name="transfer"}',
        'queue',
      ),
    ).toBe(1);
  });

  test('what fails in the worker is a failed job, a failed run and a failed task', async () => {
    const poor = generateReads(generateReference(), { seed: 1, reads: 20, quality: 9 });
    const before = await subject.value('analysis_runs_total{analysis_type="taxonomic",status="failed"}');
    const job = await subject.finished(await subject.upload(poor));
    expect(job).toMatchObject({ status: 'failed', error: { code: 'no_reads_left' } });
    expect(await subject.value('analysis_runs_total{analysis_type="taxonomic",status="failed"}')).toBe(
      (before ?? 0) + 1,
    );
    const host = await hostOf(subject);
    const failed = `celery_task_failed_total{name="edna.analysis",hostname="${host}",queue_name="compute",exception="no_reads_left"}`;
    expect(await subject.value(failed, 'queue')).toBe(1);
  });

  test.each([
    [
      'binary rubbish',
      () => Buffer.from(Array.from({ length: 9999 }, (_, i) => (i * 197 + 13) & 255)),
      422,
      'not_sequences',
    ],
    ['a gzip bomb', () => gzipSync(`>a\n${'A'.repeat(200)}\n`.repeat(100_000)), 413, 'gzip_bomb'],
    [
      'a gzip bomb of one line',
      () => gzipSync(Buffer.concat([Buffer.from('>a\n'), Buffer.alloc(100 * MIB, 'A')])),
      422,
      'line_too_long',
    ],
    ['a cut-off gzip', () => READS.subarray(0, 200), 422, 'bad_gzip'],
    ['nothing', () => Buffer.alloc(0), 422, 'no_sequences'],
    ['more than the limit', () => Buffer.alloc(5 * MIB, '>a\nACGT\n'), 413, 'too_large'],
  ])('%s is refused with a reason, counted, and leaves nothing behind', async (_, body, status, code) => {
    const failed = 'analysis_runs_total{analysis_type="taxonomic",status="failed"}';
    const before = (await subject.value(failed)) ?? 0;
    expect(await subject.refusal(await subject.upload(body()))).toMatchObject({ status, code });
    expect(await subject.value(failed)).toBe(before + 1);
    expect(await readdir(join(subject.directory, 'uploads'))).toEqual([]);
  });

  test.each([
    ['2 GB of reads, without a length', `>a\n${'ACGT'.repeat(250)}\n`.repeat(60), 413, 'too_large'],
    ['a sequence line of 100 MB', 'ACGT'.repeat(15_000), 422, 'line_too_long'],
  ])('%s: the answer comes while it is being sent, and memory stays', async (_, piece, status, code) => {
    const rssBefore = process.memoryUsage.rss();
    const answer = await pour(`${subject.application.url}/api/analyses`, Buffer.from('>a\nA\n'), Buffer.from(piece));
    expect(answer.status).toBe(status);
    expect(answer.body).toContain(code);
    expect(answer.sentBytes).toBeLessThan(100 * MIB);
    expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(150 * MIB);
  });

  test.each(['../../etc/passwd', '/etc/passwd', 'uploads/../../x', 'jobs/../jobs', 'link/passwd', 'link', 'a\0b', ''])(
    'the path %j is refused',
    async (path) => {
      await symlink('/etc', join(subject.directory, 'link')).catch(() => {});
      expect(await subject.refusal(await subject.post('/api/analyses', { path }))).toMatchObject({ status: 400 });
      expect(await subject.refusal(await subject.post('/api/trainings', { reference: path }))).toMatchObject({
        status: 400,
      });
    },
  );

  test.each([
    ['/api/analyses', { path: 'references' }, 404],
    ['/api/analyses', { path: 'nowhere.fa' }, 404],
    ['/api/analyses', { path: 'references/default.fa', type: 'astrology' }, 400],
    ['/api/analyses', {}, 400],
    ['/api/analyses', [1], 400],
    ['/api/trainings', { folds: 1 }, 400],
    ['/api/trainings', { epochs: 3 }, 400],
    ['/api/downloads', { url: 'file:///etc/passwd' }, 400],
    ['/api/downloads', { url: 'https://example.org/x', source: 'my-own-label' }, 400],
    ['/api/backups', { type: '../x' }, 400],
  ])('POST %s %j is %i', async (path, body, status) => {
    const refusal = await subject.refusal(await subject.post(path, body));
    expect(refusal.status).toBe(status);
    expect(refusal.message).not.toBe('');
  });

  test('unknown jobs and addresses are 404 in JSON; raw paths are no labels', async () => {
    for (const path of ['/api/jobs/1', '/api/jobs/00000000-0000-0000-0000-000000000000', '/wp-admin']) {
      expect(await subject.refusal(await fetch(subject.application.url + path))).toMatchObject({ status: 404 });
    }
    expect(await subject.value('http_requests_total{method="GET",endpoint="/api/jobs/:id",status="404"}')).toBe(2);
    expect(await subject.value('http_requests_total{method="GET",endpoint="unmatched",status="404"}')).toBe(1);
  });

  test('every series of a queue is there while it is idle', async () => {
    const host = await hostOf(subject);
    for (const queue of ['compute', 'transfer']) {
      expect(await subject.value(`celery_queue_length{queue_name="${queue}"}`, 'queue')).toBe(0);
      expect(await subject.value(`celery_active_worker_count{queue_name="${queue}"}`, 'queue')).toBe(1);
    }
    const zero = `{name="edna.training",hostname="${host}",queue_name="compute"}`;
    for (const event of ['retried', 'revoked', 'rejected']) {
      expect(await subject.value(`celery_task_${event}_total${zero}`, 'queue')).toBe(0);
    }
    expect(await subject.value(`celery_worker_memory_bytes{hostname="${host}"}`, 'queue')).toBeGreaterThan(MIB);
  });
});

/** Sends `first` and then `piece` again and again, up to 2 GB, until there is an answer. */
function pour(url: string, first: Buffer, piece: Buffer) {
  return new Promise<{ status: number; body: string; sentBytes: number }>((resolve, reject) => {
    let sentBytes = first.length;
    let answered = false;
    const headers = { 'content-type': 'application/octet-stream' };
    const request = httpRequest(url, { method: 'POST', headers }, (response) => {
      answered = true;
      response.setEncoding('utf8').once('data', (body: string) => {
        resolve({ status: response.statusCode ?? 0, body, sentBytes });
        request.destroy();
      });
    });
    request.once('error', (error) => answered || reject(error));
    const more = (): void => {
      if (answered || sentBytes > 2_000 * MIB) return;
      sentBytes += piece.length;
      if (request.write(piece)) setImmediate(more);
      else request.once('drain', more);
    };
    request.write(first);
    more();
  });
}

async function hostOf(subject: Subject): Promise<string> {
  const text = await (await fetch(`${subject.application.queueUrl}/metrics`)).text();
  return /^celery_worker_up\{hostname="([^"]+)"\} 1$/m.exec(text)?.[1] ?? 'no worker is up';
}

test('a full queue is a 503 with a reason, and a rejected task', async () => {
  const subject = await Subject.start({ queueWaitingMax: 1 });
  try {
    const answers = await Promise.all(Array.from({ length: 6 }, () => subject.post('/api/trainings', {})));
    const full = answers.filter(({ status }) => status === 503);
    expect(full.length).toBeGreaterThan(0);
    expect(await subject.refusal(full[0] as Response)).toMatchObject({ code: 'queue_full' });
    const rejected = `celery_task_rejected_total{name="edna.training",hostname="${await hostOf(subject)}",queue_name="compute"}`;
    expect(await subject.value(rejected, 'queue')).toBe(full.length);
  } finally {
    await subject.stop();
  }
});

test('an upload that no job takes is removed; a second stop waits for the first', async () => {
  const subject = await Subject.start({ queueWaitingMax: 0 });
  expect(await subject.refusal(await subject.upload(READS))).toMatchObject({ status: 503, code: 'queue_full' });
  expect(await readdir(join(subject.directory, 'uploads'))).toEqual([]);
  void subject.application.stop();
  await subject.stop();
  await expect(fetch(subject.application.url)).rejects.toThrow();
});

test('jobs that a stop left unfinished are done after the next start', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'avalanche-edna-'));
  await mkdir(directory, { recursive: true });
  const first = await Subject.start({}, directory);
  const ids = await Promise.all([1, 2].map(async () => ((await (await first.upload(READS)).json()) as JobView).id));
  await first.application.stop();
  const second = await Subject.start({}, directory);
  try {
    for (const id of ids) {
      const job = async () => (await (await fetch(`${second.application.url}/api/jobs/${id}`)).json()) as JobView;
      await expect.poll(async () => (await job()).status, { timeout: 10_000 }).toBe('succeeded');
    }
  } finally {
    await second.stop();
  }
});

test('a port in use and a data folder that is a file are startup errors, and what had started is stopped', async () => {
  const subject = await Subject.start();
  const port = Number(new URL(subject.application.url).port);
  const other = await mkdtemp(join(tmpdir(), 'avalanche-edna-'));
  await expect(startApplication({ port, queuePort: 'off', dataDirectory: other })).rejects.toMatchObject({
    name: 'StartupError',
    message: expect.stringContaining('in use'),
  });
  await writeFile(join(other, 'file'), '');
  await expect(
    startApplication({ port: 0, queuePort: 'off', dataDirectory: join(other, 'file') }),
  ).rejects.toMatchObject({
    name: 'StartupError',
    hint: expect.stringContaining('--data-dir'),
  });
  await rm(other, { recursive: true, force: true });
  await subject.stop();
});

describe.skipIf(!hasRedis)('the queue on a real Redis (needs redis-server)', () => {
  test('runs jobs, shows its state, survives Redis going away, and says so', async () => {
    const redis = await startRedis();
    const subject = await Subject.start({ redisUrl: redis.url });
    try {
      const job = await subject.finished(await subject.upload(READS));
      expect(job.status).toBe('succeeded');
      const labels = `{name="edna.analysis",hostname="${await hostOf(subject)}",queue_name="compute"}`;
      for (const event of ['sent', 'received', 'started', 'succeeded']) {
        expect(await subject.value(`celery_task_${event}_total${labels}`, 'queue')).toBe(1);
      }
      expect(await subject.value('celery_queue_length{queue_name="compute"}', 'queue')).toBe(0);
      await redis.stop();
      expect(await subject.value('celery_active_worker_count{queue_name="compute"}', 'queue')).toBe(0);
      expect(await subject.refusal(await subject.upload(READS))).toMatchObject({
        status: 503,
        code: 'queue_unavailable',
      });
      expect((await fetch(`${subject.application.url}/health`)).status).toBe(503);
      const again = await startRedis({ port: redis.port });
      try {
        await expect
          .poll(async () => (await fetch(`${subject.application.url}/health`)).status, { timeout: 10_000 })
          .toBe(200);
        expect((await subject.finished(await subject.upload(READS))).status).toBe('succeeded');
      } finally {
        await subject.application.stop();
        await again.stop();
      }
    } finally {
      await subject.stop();
      await redis.stop();
    }
  });

  test('starts while Redis is away, and works when it comes', async () => {
    const port = await freePort();
    const subject = await Subject.start({ redisUrl: `redis://127.0.0.1:${port}` });
    try {
      expect((await subject.upload(READS)).status).toBe(503);
      const redis = await startRedis({ port });
      try {
        await expect
          .poll(async () => (await fetch(`${subject.application.url}/health`)).status, { timeout: 10_000 })
          .toBe(200);
        expect((await subject.finished(await subject.upload(READS))).status).toBe('succeeded');
        await subject.application.stop();
      } finally {
        await redis.stop();
      }
    } finally {
      await subject.stop();
    }
  });
});

describe.skipIf(!hasPostgres)('jobs in a real PostgreSQL (needs initdb and postgres)', () => {
  test('keeps results there, times its queries, and survives the database going away', async () => {
    const postgres = await startPostgres();
    const subject = await Subject.start({ databaseUrl: postgres.url });
    try {
      const job = await subject.finished(await subject.upload(READS));
      expect(job).toMatchObject({ status: 'succeeded', result: { reads: 60 } });
      expect(await readdir(join(subject.directory, 'jobs'))).toEqual([]);
      expect(await subject.value('database_query_duration_seconds_count{operation="insert"}')).toBe(3);
      expect(await subject.value('database_connections_active')).toBeGreaterThan(0);
      await expect.poll(() => subject.value('database_tables_count')).toBe(1);
      expect(await subject.value('database_size_bytes{database="postgres"}')).toBeGreaterThan(MIB);
      const { jobs } = (await (await fetch(`${subject.application.url}/api/jobs`)).json()) as { jobs: JobView[] };
      expect(jobs).toMatchObject([{ id: job.id, status: 'succeeded' }]);
      expect(jobs[0]).not.toHaveProperty('result');
      await postgres.stop();
      expect(await subject.refusal(await subject.upload(READS))).toMatchObject({
        status: 503,
        code: 'store_unavailable',
      });
    } finally {
      await subject.stop();
      await postgres.stop();
    }
  });
});
