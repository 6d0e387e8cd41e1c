import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { ApplicationMetrics } from '@avalanche/metrics';
import type { Logger } from '@avalanche/model';
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { DataFolder } from '../data-folder.ts';
import { JobError } from '../errors.ts';
import { type AddressPolicy, DOWNLOAD_SOURCES, parseDownloadUrl, resolveAllowed, sourceOf } from '../jobs/address.ts';
import { JOB_KINDS, type Job, type JobKind } from '../jobs/job.ts';
import type { JobService } from '../jobs/service.ts';
import type { InputLimits } from '../sequences/read.ts';
import { choiceField, type Fields, fieldsOf, integerField, textField } from './fields.ts';
import { checkSequences, receiveSequences } from './upload.ts';

export interface ApiOptions {
  readonly jobs: JobService;
  readonly data: DataFolder;
  readonly metrics: ApplicationMetrics;
  readonly log: Logger;
  readonly limits: InputLimits;
  readonly addressPolicy: AddressPolicy;
}

/** The reference set that the service makes at its first start, relative to the data folder. */
export const DEFAULT_REFERENCE = 'references/default.fa';

const ANALYSIS_TYPES = ['taxonomic'];
const MODEL_TYPES = ['naive_bayes'];
const BACKUP_TYPES = ['full', 'jobs'];
/** After a refused upload, the client has this long to read the answer before the connection is cut. */
const LINGER_MS = 2_000;

/** `POST /api/{analyses,trainings,downloads,backups}` answer 202 with the job; `GET /api/jobs[/:id]` show jobs. */
export async function jobRoutes(app: FastifyInstance, options: ApiOptions): Promise<void> {
  await app.register(async (scope) => analysisRoute(scope, options));
  const { jobs, data, addressPolicy } = options;

  app.post('/api/trainings', async (request, reply) => {
    const fields = fieldsOf(request.body, ['modelType', 'reference', 'folds', 'seed']);
    const modelType = choiceField(fields, 'modelType', MODEL_TYPES, 'naive_bayes');
    const folds = integerField(fields, 'folds', { min: 2, max: 20, missing: 5 });
    const seed = integerField(fields, 'seed', { min: 0, max: 0xffff_ffff, missing: 1 });
    const reference = await referenceField(fields, data);
    return accepted(reply, await jobs.submit('training', { modelType, reference, folds, seed }));
  });

  app.post('/api/downloads', async (request, reply) => {
    const fields = fieldsOf(request.body, ['url', 'source']);
    const url = parseDownloadUrl(textField(fields, 'url'), addressPolicy);
    // A name that cannot be resolved is the download's failure; one that leads inside is the request's.
    await resolveAllowed(url, addressPolicy).catch((error: unknown) => {
      if (error instanceof JobError && error.code === 'bad_url') throw error;
    });
    const source = choiceField(fields, 'source', DOWNLOAD_SOURCES, sourceOf(url, addressPolicy));
    return accepted(reply, await jobs.submit('download', { url: url.href, source }));
  });

  app.post('/api/backups', async (request, reply) => {
    const type = choiceField(fieldsOf(request.body, ['type']), 'type', BACKUP_TYPES, 'full');
    return accepted(reply, await jobs.submit('backup', { type }));
  });

  app.get('/api/jobs', async (request) => {
    const fields = fieldsOf(request.query, ['limit', 'kind']);
    const limit = integerField(fields, 'limit', { min: 1, max: 500, missing: 50 });
    const kind = choiceField(fields, 'kind', [...JOB_KINDS, ''], '');
    return { jobs: await jobs.jobs({ limit, ...(kind === '' ? {} : { kind: kind as JobKind }) }) };
  });

  app.get('/api/jobs/:id', async (request) => {
    const { id } = request.params as { id: string };
    const job = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? await jobs.job(id) : undefined;
    if (!job) throw new JobError('not_found', 'there is no such job');
    return job;
  });
}

/** Every refusal is `{error: {code, message}}`; what we did not expect is logged and told to nobody. */
export function jsonErrors(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((error: Error & { statusCode?: number; code?: string }, request, reply) => {
    if (error instanceof JobError) {
      if (error.httpStatus === 503) reply.header('retry-after', '5');
      return refuse(request, reply, error.httpStatus, error);
    }
    const status = error.statusCode ?? 500;
    if (status < 500) return refuse(request, reply, status, { code: 'bad_request', message: error.message });
    log.error('a request failed unexpectedly', { method: request.method, route: request.routeOptions.url, error });
    return refuse(request, reply, 500, { code: 'internal', message: 'internal error' });
  });
  app.setNotFoundHandler((_request, reply) => {
    return reply.code(404).send({ error: { code: 'not_found', message: 'there is no such address' } });
  });
}

function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  { code, message }: { readonly code: string; readonly message: string },
): FastifyReply {
  const { raw } = request;
  if (!raw.complete) {
    // Node reads and drops the rest of the body, so that the client gets to the answer; but not for ever.
    reply.raw.once('finish', () => void setTimeout(() => raw.complete || raw.socket.destroy(), LINGER_MS).unref());
  }
  return reply.code(status).send({ error: { code, message } });
}

function accepted(reply: FastifyReply, job: Job): FastifyReply {
  return reply.code(202).header('location', `/api/jobs/${job.id}`).send(job);
}

/**
 * Takes reads as the raw body or as the file of a multipart form, with `?type=` and `?reference=`; or as JSON
 * `{path, type, reference}`. Input that is refused counts as a failed run of its type.
 */
async function analysisRoute(app: FastifyInstance, options: ApiOptions): Promise<void> {
  const { data, jobs, limits, metrics } = options;
  app.removeContentTypeParser('text/plain');
  await app.register(multipart, {
    limits: { files: 1, fields: 4, fieldSize: 1024, fileSize: limits.inputBytesMax + 1 },
  });
  app.addContentTypeParser('*', (_request: unknown, body: unknown, done: (error: null, body: unknown) => void) => {
    done(null, body);
  });
  app.addHook('onRequest', async (request) => {
    if (Number(request.headers['content-length']) > limits.inputBytesMax) {
      countRefusal(metrics, performance.now());
      throw new JobError('too_large', `more than ${limits.inputBytesMax} bytes`);
    }
  });

  app.post('/api/analyses', async (request, reply) => {
    const startedMs = performance.now();
    let upload: string | undefined;
    try {
      const input = await analysisInput(request, data, limits);
      const { fields, path, uploaded, id } = input;
      if (uploaded) upload = data.path(path);
      const type = choiceField(fields, 'type', ANALYSIS_TYPES, 'taxonomic');
      const reference = await referenceField(fields, data);
      return accepted(reply, await jobs.submit('analysis', { type, path, reference, uploaded }, id));
    } catch (error) {
      // no job has it, so nobody would ever remove it
      if (upload !== undefined) await rm(upload, { force: true });
      if (error instanceof JobError && error.httpStatus < 500) countRefusal(metrics, startedMs);
      throw error;
    }
  });
}

function countRefusal(metrics: ApplicationMetrics, startedMs: number): void {
  const durationSeconds = (performance.now() - startedMs) / 1000;
  metrics.recordAnalysis({ type: 'taxonomic', status: 'failed', durationSeconds });
}

async function analysisInput(request: FastifyRequest, data: DataFolder, limits: InputLimits) {
  const id = randomUUID();
  const query = fieldsOf(request.query, ['type', 'reference']);
  // Checked before a long upload rather than after it.
  choiceField(query, 'type', ANALYSIS_TYPES, 'taxonomic');
  await referenceField(query, data);
  if (request.isMultipart() || isStream(request.body)) {
    const stream = request.isMultipart() ? (await request.file())?.file : (request.body as Readable);
    if (!stream) throw new JobError('bad_request', 'the form holds no file');
    const part = data.path('uploads', `${id}.part`);
    await receiveSequences(stream, part, limits);
    const path = data.path('uploads', id);
    await rename(part, path);
    return { id, fields: query, path: data.relative(path), uploaded: true };
  }
  const fields: Fields = { ...query, ...fieldsOf(request.body, ['path', 'type', 'reference']) };
  if (fields.path === undefined) throw new JobError('bad_request', 'send sequences, or JSON with their path');
  const path = await data.existingFile(textField(fields, 'path'));
  await checkSequences(path, limits);
  return { id, fields, path: data.relative(path), uploaded: false };
}

async function referenceField(fields: Fields, data: DataFolder): Promise<string> {
  const reference = textField(fields, 'reference', 'default');
  return data.relative(await data.existingFile(reference === 'default' ? DEFAULT_REFERENCE : reference));
}

function isStream(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'pipe' in body;
}
