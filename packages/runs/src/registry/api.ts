import { Readable } from 'node:stream';
import { nextTurn, turnIsOver } from '@avalanche/model';
import { parseQuery } from '@avalanche/web';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { beginOf, readJson } from './json-body.ts';
import type { RunRegistry } from './registry.ts';
import { parseReport, ReportError } from './report.ts';
import { runJson, scheduleJson } from './run-json.ts';
import type { RunFilter, RunRecord } from './run-record.ts';

const LIMIT = 100;
const LIMIT_MAX = 10_000;
const REPORTS_MAX = 10_000;
const REFUSED_SHOWN = 10;

/** A form, which is one report. */
const FORM_BYTES_MAX = 1024 * 1024;
/** Of a list, sent at once. */
const PIECE_CHARACTERS = 64 * 1024;

type Query = Readonly<Record<string, string | string[] | undefined>>;

/** `/runs` and `/schedules` of API v1; answers have the shape of Prometheus's. */
export function runRoutes(api: FastifyInstance, registry: RunRegistry): void {
  api.post('/runs', (request, reply) => guarded(reply, () => takeReports(registry, request, reply)));
  api.get('/runs', (request, reply) => guarded(reply, () => listRuns(registry, request.query as Query, reply)));
  api.get('/runs/:id', (request, reply) =>
    guarded(reply, async () => {
      const { id } = request.params as { readonly id: string };
      const run = await registry.find(id);
      if (!run) return fail(reply, 404, 'not_found', `no run ${id} is known`);
      return succeed(reply, runJson(run, true));
    }),
  );
  api.get('/schedules', (_request, reply) => succeed(reply, registry.schedulesNow().map(scheduleJson)));
  api.post('/schedules', (request, reply) =>
    guarded(reply, async () => {
      const report = parseReport({ event: 'start', ...((await bodyOf(request)) as object) });
      if (report.schedule === undefined) throw new ReportError('schedule: must be given');
      registry.declare(report);
      return succeed(reply, registry.schedulesNow().map(scheduleJson));
    }),
  );
  api.delete('/schedules/:kind/:name', (request, reply) =>
    guarded(reply, () => {
      const job = request.params as { readonly kind: string; readonly name: string };
      if (!registry.schedules.remove(job)) {
        return fail(reply, 404, 'not_found', `no schedule of ${job.kind} ${job.name} is known`);
      }
      return succeed(reply, registry.schedulesNow().map(scheduleJson));
    }),
  );
}

/** Reports are taken one after the other. Those that make no sense are left out, and the answer is 400 and says which. */
async function takeReports(registry: RunRegistry, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const body = await bodyOf(request);
  const reports = Array.isArray(body) ? body : [body];
  const taken: { readonly run_id: string; readonly outcome: string; readonly repeated?: boolean }[] = [];
  const refused: string[] = [];
  for (const [i, report] of reports.entries()) {
    try {
      const { run, isRepeated } = registry.report(parseReport(report));
      taken.push({ run_id: run.run_id, outcome: run.outcome, ...(isRepeated ? { repeated: true } : {}) });
    } catch (error) {
      if (!(error instanceof ReportError)) throw error;
      refused.push(reports.length > 1 ? `report ${i + 1}: ${error.message}` : error.message);
    }
    if (turnIsOver()) await nextTurn();
  }
  if (refused.length > 0) throw new ReportError(refused.slice(0, REFUSED_SHOWN).join('; '));
  const isForShell = (request.query as Query).format === 'id';
  if (isForShell)
    return reply.type('text/plain; charset=utf-8').send(`${taken.map(({ run_id }) => run_id).join('\n')}\n`);
  return succeed(reply, Array.isArray(body) ? taken : taken[0]);
}

/** JSON, a form, or for want of a body the address's query. @throws ReportError */
async function bodyOf({ body, query, headers }: FastifyRequest): Promise<unknown> {
  const { format: _, ...values } = query as Record<string, unknown>;
  const bytes = bytesOf(body);
  const begin = beginOf(bytes);
  if (begin === '' && bytes.toString().trim() === '') return values;
  const isForm = String(headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  // `curl -d '{…}'` says that JSON is a form
  if (!isForm || begin === '[' || begin === '{') return readJson(bytes, REPORTS_MAX);
  if (bytes.length > FORM_BYTES_MAX) throw new ReportError(`a form has more than ${FORM_BYTES_MAX} bytes`);
  return { ...values, ...parseQuery(bytes.toString()) };
}

export function bytesOf(body: unknown): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

async function listRuns(registry: RunRegistry, query: Query, reply: FastifyReply): Promise<FastifyReply> {
  const limit = numberOf(query, 'limit', LIMIT, LIMIT_MAX);
  const offset = numberOf(query, 'offset', 0, Number.MAX_SAFE_INTEGER);
  const pieces = listText(registry.list(filterOf(query)), offset, limit);
  // what fails at once is told with its status
  const begin = [await pieces.next(), await pieces.next()]
    .filter(({ done }) => !done)
    .map(({ value }) => String(value));
  reply.type('application/json; charset=utf-8');
  return begin.length === 1 ? reply.send(begin[0]) : reply.send(Readable.from(following(begin, pieces)));
}

async function* listText(runs: AsyncIterable<RunRecord>, offset: number, limit: number): AsyncGenerator<string, void> {
  let piece = '{"status":"success","data":{"runs":[';
  let seen = 0;
  let more = false;
  for await (const run of runs) {
    if (seen++ < offset) continue;
    more = seen > offset + limit;
    if (more) break;
    piece += (seen === offset + 1 ? '' : ',') + JSON.stringify(runJson(run, false));
    if (turnIsOver()) await nextTurn();
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}],"more":${more}}}`;
}

async function* following(begin: readonly string[], rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield* begin;
  yield* rest;
}

function filterOf(query: Query): RunFilter {
  return {
    kind: textOf(query, 'kind'),
    name: textOf(query, 'name'),
    outcome: textOf(query, 'outcome'),
    host: textOf(query, 'host'),
    since: timeOf(query, 'since'),
    until: timeOf(query, 'until'),
  };
}

function textOf(query: Query, key: string): string | undefined {
  const value = query[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function timeOf(query: Query, key: string): number | undefined {
  const text = textOf(query, key);
  if (text === undefined) return undefined;
  const ms = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (!Number.isFinite(ms)) throw new ReportError(`${key}: neither Unix seconds nor a time of RFC 3339: ${text}`);
  return ms;
}

function numberOf(query: Query, key: string, fallback: number, max: number): number {
  const text = textOf(query, key);
  if (text === undefined) return fallback;
  if (!/^\d+$/.test(text) || Number(text) > max) throw new ReportError(`${key}: must be 0 to ${max}: ${text}`);
  return Number(text);
}

export function succeed(reply: FastifyReply, data: unknown): FastifyReply {
  return reply.send({ status: 'success', data });
}

function fail(reply: FastifyReply, code: number, errorType: string, error: string): FastifyReply {
  return reply.code(code).send({ status: 'error', errorType, error });
}

/** What is wrong with the request is 400; a disk that takes nothing is 503, and to be tried again. */
export async function guarded(
  reply: FastifyReply,
  run: () => FastifyReply | Promise<FastifyReply>,
): Promise<FastifyReply> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ReportError) return fail(reply, 400, 'bad_data', error.message);
    return fail(reply, 503, 'unavailable', (error as Error).message);
  }
}
