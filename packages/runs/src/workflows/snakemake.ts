import { newUlid } from '@avalanche/model';
import { parseReport, type Report, ReportError } from '../registry/report.ts';

interface Message {
  readonly level?: string;
  readonly name?: string;
  readonly msg?: string | null;
  readonly done?: number;
  readonly total?: number;
}

/** A workflow that says nothing for so long is lost. */
const TTL = '1d';

/** The report that begins a workflow which Snakemake 5 to 7 monitors by `--wms-monitor URL`. */
export function snakemakeBegin(name: string, now: number): Report {
  return parseReport({ event: 'start', kind: 'workflow', name, run_id: newUlid(now), ttl: TTL });
}

/**
 * The report that one of its messages makes; undefined where it says nothing of the run.
 * @param form `id` as we gave it, `msg` as JSON
 * @throws ReportError
 */
export function snakemakeReport(name: string, form: Readonly<Record<string, unknown>>): Report | undefined {
  const { id } = form;
  if (typeof id !== 'string') throw new ReportError('id: no message of Snakemake');
  const message = messageOf(form.msg);
  const base = { run_id: id, kind: 'workflow', name, ttl: TTL };
  switch (message.level) {
    case 'progress': {
      const { done = 0, total = 0 } = message;
      const parameters = { tasks_completed: done, tasks: total };
      const isDone = total > 0 && done >= total;
      if (isDone) return parseReport({ ...base, event: 'done', outcome: 'success', progress: 1, parameters });
      return parseReport({ ...base, event: 'heartbeat', progress: total > 0 ? done / total : 0, parameters });
    }
    case 'job_error':
      // the others may go on (`--keep-going`)
      return parseReport({ ...base, event: 'heartbeat', error: `rule ${message.name ?? ''} failed` });
    case 'error':
      return parseReport({ ...base, event: 'done', outcome: 'failed' });
    default:
      return undefined;
  }
}

/** Snakemake 5 and 6 sent Python's own notation, of which the level is read. */
function messageOf(msg: unknown): Message {
  if (typeof msg !== 'string') throw new ReportError('msg: no message of Snakemake');
  try {
    return (JSON.parse(msg) ?? {}) as Message;
  } catch {
    const number = (key: string): number => Number(new RegExp(`'${key}': (\\d+)`).exec(msg)?.[1] ?? 0);
    const [, level = ''] = /'level': '(\w+)'/.exec(msg) ?? [];
    const [, name = ''] = /'name': '(\w+)'/.exec(msg) ?? [];
    return { level, name, done: number('done'), total: number('total') };
  }
}
