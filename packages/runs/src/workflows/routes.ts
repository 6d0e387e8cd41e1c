import type { Clock } from '@avalanche/model';
import { parseQuery } from '@avalanche/web';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { bytesOf, guarded, succeed } from '../registry/api.ts';
import { beginOf, readJson } from '../registry/json-body.ts';
import type { RunRegistry } from '../registry/registry.ts';
import { ReportError } from '../registry/report.ts';
import { NextflowReceiver } from './nextflow.ts';
import { snakemakeBegin, snakemakeReport } from './snakemake.ts';

const FORM_BYTES_MAX = 1024 * 1024;

/** What workflow managers report to: `/runs/nextflow` (`-with-weblog`) and `/runs/snakemake/NAME` (`--wms-monitor`). */
export function workflowRoutes(api: FastifyInstance, registry: RunRegistry, clock: Clock): void {
  const nextflow = new NextflowReceiver();
  api.post('/runs/nextflow', (request, reply) =>
    guarded(reply, async () => {
      const { run } = registry.report(nextflow.reportOf(await jsonOf(request)));
      return succeed(reply, { run_id: run.run_id });
    }),
  );
  for (const path of ['/runs/snakemake', '/runs/snakemake/:name']) {
    api.get(`${path}/api/service-info`, (_request, reply) => reply.send({ status: 'running' }));
    api.get(`${path}/create_workflow`, (request, reply) =>
      guarded(reply, () => {
        const { run } = registry.report(snakemakeBegin(workflowOf(request), clock.now()));
        return reply.send({ id: run.run_id });
      }),
    );
    api.post(`${path}/update_workflow_status`, (request, reply) =>
      guarded(reply, async () => {
        // a form until 7.21, JSON in 7.32
        const isJson = beginOf(bytesOf(request.body)) === '{';
        const message = isJson ? ((await jsonOf(request)) as Record<string, unknown>) : parseQuery(textOf(request));
        const report = snakemakeReport(workflowOf(request), message);
        if (report) registry.report(report);
        return succeed(reply, {});
      }),
    );
  }
}

function workflowOf({ params }: FastifyRequest): string {
  return (params as { readonly name?: string }).name ?? 'snakemake';
}

/** @throws ReportError */
function textOf({ body }: FastifyRequest): string {
  const bytes = bytesOf(body);
  if (bytes.length > FORM_BYTES_MAX) throw new ReportError(`a message has more than ${FORM_BYTES_MAX} bytes`);
  return bytes.toString();
}

/** @throws ReportError */
function jsonOf({ body }: FastifyRequest): Promise<unknown> {
  return readJson(bytesOf(body), 1);
}
