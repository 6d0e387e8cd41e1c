import { nextTurn, turnIsOver } from '@avalanche/model';
import { parseQuery } from '@avalanche/web';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RunRegistry } from './registry.ts';
import { parseReport, ReportError } from './report.ts';
import { runJson, scheduleJson } from './run-json.ts';
import type { RunFilter } from './run-record.ts';

const LIMIT = 100;
const LIMIT_MAX = 10_000;
const REPORTS_MAX = 10_000;
const REFUSED_SHOWN = 10;

/** Python writes numbers that are not finite as words, which JSON does not know. Texts are matched to be left alone. */
const TEXTS_AND_BARE_NUMBERS = /"[^"\\]*(?:\\[\s\S][^"\\]*)*(?:"|\\?$)|(-?Infinity|NaN)/g;

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
    guarded(reply, () => {
      const report = parseReport({ event: 'start', ...(bodyOf(request) as object) });
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
  const body = bodyOf(request);
  const reports = Array.isArray(body) ? body : [body];
  if (reports.length > REPORTS_MAX) throw new ReportError(`more than ${REPORTS_MAX} reports at once`);
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

/** JSON, a form, or for want of a body the address's query. */
function bodyOf({ body, query, headers }: FastifyRequest): unknown {
  const { format: _, ...values } = query as Record<string, unknown>;
  const text = body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : '';
  if (text.trim() === '') return values;
  const isForm = String(headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  // `curl -d '{…}'` says that JSON is a form
  if (isForm && !/^\s*[[{]/.test(text)) return { ...values, ...parseQuery(text) };
  // what stands in texts of valid JSON stays as it is
  return parsed(text) ?? parsed(withoutBareNumbers(text)) ?? refuse('neither JSON nor a form');
}

function withoutBareNumbers(text: string): string {
  return text.replace(TEXTS_AND_BARE_NUMBERS, (match, word?: string) => (word === undefined ? match : `"${word}"`));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function refuse(reason: string): never {
  throw new ReportError(reason);
}

async function listRuns(registry: RunRegistry, query: Query, reply: FastifyReply): Promise<FastifyReply> {
  const limit = numberOf(query, 'limit', LIMIT, LIMIT_MAX);
  const offset = numberOf(query, 'offset', 0, Number.MAX_SAFE_INTEGER);
  const runs: string[] = [];
  let seen = 0;
  let more = false;
  for await (const run of registry.list(filterOf(query))) {
    if (seen++ < offset) continue;
    if (runs.length === limit) {
      more = true;
      break;
    }
    runs.push(JSON.stringify(runJson(run, false)));
    if (turnIsOver()) await nextTurn();
  }
  const text = `{"status":"success","data":{"runs":[${runs.join(',')}],"more":${more}}}`;
  return reply.type('application/json; charset=utf-8').send(text);
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
