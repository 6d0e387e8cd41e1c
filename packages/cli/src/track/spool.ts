import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpClient, makeDirectory, readText } from '@avalanche/web';

export type Report = Readonly<Record<string, unknown>>;

/** A report takes no longer than this; the end of a job waits for the last one. */
export const ANSWER_MS = 3_000;
/** Files that are delivered at a time, so that a long outage holds nobody up. */
const FILES_MAX = 200;
/** Where no server ever takes them, the oldest go. */
const KEPT_MAX = 10_000;

/** Where trackers of this user leave what nobody has taken, unless they are told otherwise. */
export function defaultSpoolDirectory(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_STATE_HOME || join(homeOf(), '.local', 'state'), 'avalanche', 'runs');
}

/** In a container a user may have no home; then what is left is of this machine's uptime. */
function homeOf(): string {
  try {
    return homedir();
  } catch {
    return join(tmpdir(), `avalanche-${process.getuid?.() ?? 'user'}`);
  }
}

/** The server that takes reports. */
export class ReportServer {
  private readonly client = new HttpClient();
  private readonly url: URL;

  constructor(server: URL) {
    this.url = new URL('api/v1/runs', server.href.endsWith('/') ? server : `${server.href}/`);
  }

  /** Whether it has taken them, or says that they make no sense and never will. */
  async take(reports: readonly Report[]): Promise<boolean> {
    try {
      const response = await this.client.request(this.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(reports),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const text = await readText(response);
      if (response.status === 400) process.stderr.write(`avalanche track: the report was refused: ${text}\n`);
      return response.status === 200 || response.status === 400;
    } catch {
      return false;
    }
  }
}

/** A folder of reports for one server, a file for each run: what must not be lost stands there until it was taken. */
export class Spool {
  private readonly directory: string;

  /** @param host name and port of the server */
  constructor(base: string, host: string) {
    this.directory = join(base, encodeURIComponent(host));
  }

  /** The file of a run of this process. */
  fileOf(runId: string): string {
    return join(this.directory, `${encodeURIComponent(runId)}.${process.pid}.jsonl`);
  }

  /** Whether it could be written. */
  keep(file: string, report: Report): boolean {
    try {
      makeDirectory(this.directory);
      appendFileSync(file, `${JSON.stringify(report)}\n`, { mode: 0o600 });
      return true;
    } catch {
      return false;
    }
  }

  /** Delivers what trackers that are gone have left, the oldest first, until the server does not take it. */
  async deliver(server: ReportServer): Promise<void> {
    const left = this.leftFiles();
    for (const name of left.splice(0, left.length - KEPT_MAX)) rmSync(join(this.directory, name), { force: true });
    for (const [i, name] of left.slice(0, FILES_MAX).entries()) {
      const file = this.claim(name, i);
      if (file === undefined) continue;
      const reports = reportsOf(file);
      if (reports.length > 0 && !(await server.take(reports))) return;
      rmSync(file, { force: true });
    }
  }

  /**
   * Takes a file that is left for this process. Its tracker may live on another machine that has the same home: what it
   * appends from here on makes a file of its own.
   */
  private claim(name: string, i: number): string | undefined {
    if (isClaimed(name)) return join(this.directory, name);
    const file = join(this.directory, name.replace(/(?:\.left-\d+)?\.\d+\.jsonl$/, `.left-${i}.${process.pid}.jsonl`));
    try {
      renameSync(join(this.directory, name), file);
      return file;
    } catch {
      return undefined; // somebody else has it
    }
  }

  private leftFiles(): string[] {
    try {
      return readdirSync(this.directory)
        .filter((name) => isClaimed(name) || (pidOf(name) !== undefined && !isTracker(Number(pidOf(name)))))
        .sort();
    } catch {
      return [];
    }
  }
}

function pidOf(name: string): string | undefined {
  return /\.(\d+)\.jsonl$/.exec(name)?.[1];
}

/** By this process, which could not deliver it then. */
function isClaimed(name: string): boolean {
  return pidOf(name) === String(process.pid) && /\.left-\d+\.\d+\.jsonl$/.test(name);
}

/** Whether a process runs that may be the tracker: its id may have been given to another one since. */
function isTracker(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return /\0(?:track|up)\0/.test(`${readFileSync(`/proc/${pid}/cmdline`, 'utf8')}\0`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true; // no /proc here

    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A line that a crash has torn is left out. */
function reportsOf(path: string): Report[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as Report];
        } catch {
          return [];
        }
      });
  } catch {
    return [];
  }
}
