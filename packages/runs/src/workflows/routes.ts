import type { Clock } from '@avalanche/model';
import { parseQuery } from '@avalanche/web';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { guarded, succeed } from '../registry/api.ts';
import type { RunRegistry } from '../registry/registry.ts';
import { ReportError } from '../registry/report.ts';
import { NextflowReceiver } from './nextflow.ts';
import { snakemakeBegin, snakemakeReport } from './snakemake.ts';

/** What workflow managers report to: `/runs/nextflow` (`-with-weblog`) and `/runs/snakemake/NAME` (`--wms-monitor`). */
export function workflowRoutes(api: FastifyInstance, registry: RunRegistry, clock: Clock): void {
  const nextflow = new NextflowReceiver();
  api.post('/runs/nextflow', (request, reply) =>
    guarded(reply, () => {
      const { run } = registry.report(nextflow.reportOf(jsonOf(request)));
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
      guarded(reply, () => {
        const text = textOf(request);
        // a form until 7.21, JSON in 7.32
        const message = text.startsWith('{') ? (jsonOf(request) as Record<string, unknown>) : parseQuery(text);
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

function textOf({ body }: FastifyRequest): string {
  return body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : '';
}

function jsonOf(request: FastifyRequest): unknown {
  try {
    return JSON.parse(textOf(request)) as unknown;
  } catch (error) {
    throw new ReportError(`no JSON: ${(error as Error).message}`);
  }
}
