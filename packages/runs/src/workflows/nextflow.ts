import type { Report } from '../registry/report.ts';
import { parseReport, ReportError } from '../registry/report.ts';

interface Weblog {
  readonly runName?: string;
  readonly runId?: string;
  readonly event?: string;
  readonly utcTime?: string;
  readonly trace?: Trace;
  readonly metadata?: {
    readonly parameters?: Readonly<Record<string, unknown>>;
    readonly workflow?: Workflow;
  };
}

interface Workflow {
  readonly projectName?: string;
  readonly scriptName?: string;
  readonly manifest?: { readonly name?: string | null };
  readonly start?: string;
  readonly complete?: string;
  readonly success?: boolean;
  readonly exitStatus?: number | null;
  readonly errorMessage?: string | null;
  readonly commandLine?: string;
  readonly userName?: string;
}

interface Trace {
  readonly realtime?: number;
  readonly '%cpu'?: number;
  readonly peak_rss?: number;
  readonly read_bytes?: number;
  readonly write_bytes?: number;
}

interface Used {
  cpu_seconds: number;
  peak_memory_bytes: number;
  read_bytes: number;
  written_bytes: number;
  tasks: number;
}

/** More workflows at once lose what their tasks used, oldest first. */
const WORKFLOWS_MAX = 1_000;

/**
 * Nextflow's `-with-weblog` (or `weblog.url`): a workflow is a run of kind `workflow`, its tasks' resources are summed.
 * @see https://www.nextflow.io/docs/latest/reference/cli.html (`-with-weblog`)
 */
export class NextflowReceiver {
  private readonly used = new Map<string, Used>();

  /** The report that an event makes. @throws ReportError */
  reportOf(body: unknown): Report {
    const weblog = (typeof body === 'object' && body !== null ? body : {}) as Weblog;
    const { runId, runName, event, utcTime, trace, metadata } = weblog;
    if (typeof runId !== 'string' || typeof event !== 'string') {
      throw new ReportError('runId: no weblog of Nextflow: runId and event must be texts');
    }
    const { workflow } = metadata ?? {};
    const used = this.usedBy(runId);
    if (event === 'process_completed' && trace) addTrace(used, trace);
    const { tasks, ...resources } = used;
    const base = {
      run_id: runId,
      kind: 'workflow',
      name: nameOf(workflow) ?? 'nextflow',
      parameters: { ...scalars(metadata?.parameters), run_name: runName ?? '', tasks_completed: tasks },
      ...(workflow?.commandLine ? { command: workflow.commandLine.slice(0, 4096) } : {}),
      ...(workflow?.userName ? { user: workflow.userName } : {}),
      ...resources,
    };
    if (event === 'started') return parseReport({ ...base, event: 'start', started_at: workflow?.start ?? utcTime });
    if (event !== 'completed') return parseReport({ ...base, event: 'heartbeat' });
    this.used.delete(runId);
    return parseReport({
      ...base,
      event: 'done',
      started_at: workflow?.start ?? utcTime,
      ended_at: workflow?.complete ?? utcTime,
      outcome: workflow?.success === false ? 'failed' : 'success',
      ...(typeof workflow?.exitStatus === 'number' ? { exit_status: workflow.exitStatus } : {}),
      ...(workflow?.errorMessage ? { error: workflow.errorMessage.slice(0, 4096) } : {}),
    });
  }

  private usedBy(runId: string): Used {
    const known = this.used.get(runId);
    if (known) return known;
    const none = { cpu_seconds: 0, peak_memory_bytes: 0, read_bytes: 0, written_bytes: 0, tasks: 0 };
    this.used.set(runId, none);
    if (this.used.size > WORKFLOWS_MAX) this.used.delete(this.used.keys().next().value as string);
    return none;
  }
}

function nameOf(workflow: Workflow | undefined): string | undefined {
  return workflow?.manifest?.name || workflow?.projectName || workflow?.scriptName;
}

/** `realtime` is in milliseconds, `%cpu` 100 for one CPU that is always busy. */
function addTrace(used: Used, trace: Trace): void {
  used.tasks++;
  used.cpu_seconds += (amount(trace.realtime) / 1000) * (amount(trace['%cpu']) / 100);
  used.peak_memory_bytes = Math.max(used.peak_memory_bytes, amount(trace.peak_rss));
  used.read_bytes += amount(trace.read_bytes);
  used.written_bytes += amount(trace.write_bytes);
}

function amount(value: number | undefined): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}

/** Parameters that are one value; lists and maps are left out. */
function scalars(parameters: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const entries = Object.entries(parameters).filter(([, value]) => value === null || typeof value !== 'object');
  return Object.fromEntries(
    entries.slice(0, 190).map(([key, value]) => [key, typeof value === 'string' ? value.slice(0, 4096) : value]),
  );
}
