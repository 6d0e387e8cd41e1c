import type { Clock } from '@avalanche/model';
import { parseQuery } from '@avalanche/web';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { guarded, succeed } from '../registry/api.ts';
import type { RunRegistry } from '../registry/registry.ts';
import { ReportError } from '../registry/report.ts';
import { NextflowReceiver } from './nextflow.ts';
import { SnakemakeReceiver } from './snakemake.ts';

/** What workflow managers report to: `/runs/nextflow` (`-with-weblog`) and `/runs/snakemake` (`--wms-monitor`). */
export function workflowRoutes(api: FastifyInstance, registry: RunRegistry, clock: Clock): void {
  const nextflow = new NextflowReceiver();
  api.post('/runs/nextflow', (request, reply) =>
    guarded(reply, () => {
      const { run } = registry.report(nextflow.reportOf(jsonOf(request)));
      return succeed(reply, { run_id: run.run_id });
    }),
  );
  const snakemake = new SnakemakeReceiver();
  api.get('/runs/snakemake/api/service-info', (_request, reply) => reply.send({ status: 'running' }));
  api.get('/runs/snakemake/create_workflow', (_request, reply) =>
    guarded(reply, () => {
      const { run } = registry.report(snakemake.begin(clock.now()));
      return reply.send({ id: run.run_id });
    }),
  );
  api.post('/runs/snakemake/update_workflow_status', (request, reply) =>
    guarded(reply, () => {
      const report = snakemake.reportOf(parseQuery(textOf(request)));
      if (report) registry.report(report);
      return succeed(reply, {});
    }),
  );
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
