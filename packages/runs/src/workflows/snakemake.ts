import { newUlid } from '@avalanche/model';
import { parseReport, type Report, ReportError } from '../registry/report.ts';

/**
 * The monitor that Snakemake 5 to 7 report to (`--wms-monitor URL`): a workflow is a run of kind `workflow`. Messages are
 * Python's `repr` of a dictionary, of which only the level and the progress are read.
 */
export class SnakemakeReceiver {
  /** Workflows of which a job failed. */
  private readonly failed = new Set<string>();

  /** The report that begins a workflow. */
  begin(now: number): Report {
    return parseReport({ event: 'start', kind: 'workflow', name: 'snakemake', run_id: newUlid(now), ttl: '1d' });
  }

  /** The report that a message makes; undefined where it says nothing of the run. @throws ReportError */
  reportOf(form: Readonly<Record<string, unknown>>): Report | undefined {
    const { id, msg } = form;
    if (typeof id !== 'string' || typeof msg !== 'string') throw new ReportError('id: no message of Snakemake');
    const level = /'level': '(\w+)'/.exec(msg)?.[1];
    const base = { run_id: id, kind: 'workflow', name: 'snakemake' };
    if (level === 'progress') {
      const done = Number(/'done': (\d+)/.exec(msg)?.[1]);
      const total = Number(/'total': (\d+)/.exec(msg)?.[1]);
      if (!(total > 0)) return undefined;
      const parameters = { tasks_completed: done, tasks: total };
      if (done < total) return parseReport({ ...base, event: 'heartbeat', progress: done / total, parameters });
      this.failed.delete(id);
      return parseReport({ ...base, event: 'done', outcome: 'success', progress: 1, parameters });
    }
    if (level === 'job_error') {
      // the others may go on (`--keep-going`): it ends with the message that says so
      this.failed.add(id);
      return parseReport({
        ...base,
        event: 'heartbeat',
        error: `rule ${/'name': '(\w+)'/.exec(msg)?.[1] ?? ''} failed`,
      });
    }
    if (level === 'error' || (level === 'info' && this.failed.has(id) && /Exiting because/.test(msg))) {
      this.failed.delete(id);
      return parseReport({ ...base, event: 'done', outcome: 'failed' });
    }
    return undefined;
  }
}
