import { readdirSync, readFileSync } from 'node:fs';

/** What a job used, in the words of run reports; what this system does not tell is left out. */
export interface JobUsage {
  readonly cpu_seconds?: number;
  readonly peak_memory_bytes?: number;
  readonly read_bytes?: number;
  readonly written_bytes?: number;
}

/** Of /proc: fixed in Linux's interface to user space. */
const TICKS_PER_SECOND = 100;
/** The next look comes after a tenth of the time that the job has run, within these. */
const LOOK_MS_MIN = 5;
const LOOK_MS_MAX = 1_000;
const PROCESSES_MAX = 2_000;
/** A look that takes long is followed by a pause of so many times as long. */
const LOOK_SHARE = 50;

/**
 * Measures a child and all that it starts. The kernel adds what children used to their parent when it waits for them, so
 * CPU time and disk traffic are exact at the end, but for what the job left running. Peak memory is looked at from time to
 * time: the highest sum over the processes, and at least the highest that one of them ever had.
 */
export class UsageMeter {
  private readonly before = reaped();
  private readonly begin = performance.now();
  private peakBytes = 0;
  private lookMs = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly pid: number | undefined) {
    this.look();
  }

  /** Up to now: of the processes that run, as those that have ended are not known to us yet. */
  usage(): JobUsage {
    if (this.pid === undefined) return {};
    let [ticks, read, written] = [0, 0, 0];
    for (const pid of family(this.pid)) {
      ticks += ticksOf(pid, ['utime', 'stime', 'cutime', 'cstime']);
      const io = ioOf(pid);
      read += io?.read ?? 0;
      written += io?.written ?? 0;
    }
    return this.withPeak({ cpu_seconds: ticks / TICKS_PER_SECOND, read_bytes: read, written_bytes: written });
  }

  /** After the child was waited for. */
  end(): JobUsage {
    clearTimeout(this.timer);
    const after = reaped();
    if (!this.before || !after || this.pid === undefined) return this.withPeak({});
    return this.withPeak({
      cpu_seconds: (after.ticks - this.before.ticks) / TICKS_PER_SECOND,
      ...(after.io && this.before.io
        ? { read_bytes: after.io.read - this.before.io.read, written_bytes: after.io.written - this.before.io.written }
        : {}),
    });
  }

  private withPeak(usage: JobUsage): JobUsage {
    return this.peakBytes > 0 ? { ...usage, peak_memory_bytes: this.peakBytes } : usage;
  }

  private look(): void {
    if (this.pid === undefined) return;
    const { pid } = this;
    const regularMs = Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, (performance.now() - this.begin) / 10));
    const afterMs = Math.max(regularMs, LOOK_SHARE * this.lookMs);
    this.timer = setTimeout(() => {
      const begin = performance.now();
      let sum = 0;
      for (const one of family(pid)) {
        const { now, highest } = memoryOf(one);
        sum += now;
        this.peakBytes = Math.max(this.peakBytes, highest);
      }
      this.peakBytes = Math.max(this.peakBytes, sum);
      this.lookMs = performance.now() - begin;
      this.look();
    }, afterMs);
    this.timer.unref();
  }
}

/** A process and those that it started, as far as they are not waited for. */
function family(pid: number): number[] {
  const pids = [pid];
  for (let i = 0; i < pids.length && pids.length < PROCESSES_MAX; i++) {
    // each thread has its own, such as those of a virtual machine of Java
    for (const thread of threadsOf(pids[i])) {
      const children = read(`/proc/${pids[i]}/task/${thread}/children`);
      for (const child of children.split(' ')) if (child !== '') pids.push(Number(child));
    }
  }
  return pids;
}

function threadsOf(pid: number | string): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** What children of ours used that have been waited for: all that counts as ours, but for what our threads did. */
function reaped() {
  if (read('/proc/self/stat') === '') return undefined;
  const all = ioOf('self');
  if (!all) return { ticks: ticksOf('self', ['cutime', 'cstime']) };
  const io = { ...all };
  for (const thread of threadsOf('self')) {
    const own = ioOf(`self/task/${thread}`);
    io.read -= own?.read ?? 0;
    io.written -= own?.written ?? 0;
  }
  return { ticks: ticksOf('self', ['cutime', 'cstime']), io };
}

const FIELDS = { utime: 11, stime: 12, cutime: 13, cstime: 14 } as const;

function ticksOf(pid: number | string, fields: readonly (keyof typeof FIELDS)[]): number {
  const values = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return fields.reduce((sum, field) => sum + (Number(values[FIELDS[field]]) || 0), 0);
}

function ioOf(pid: number | string): { readonly read: number; readonly written: number } | undefined {
  const text = read(`/proc/${pid}/io`);
  const number = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  return text === '' ? undefined : { read: number('read_bytes'), written: number('write_bytes') };
}

function memoryOf(pid: number): { readonly now: number; readonly highest: number } {
  const text = read(`/proc/${pid}/status`);
  const bytes = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  return { now: bytes('VmRSS'), highest: bytes('VmHWM') };
}

/** '' where it is not there any more, or not for us. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
