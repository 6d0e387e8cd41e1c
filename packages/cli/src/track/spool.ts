import { appendFileSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HttpClient, makeDirectory, readText } from '@avalanche/web';

export type Report = Readonly<Record<string, unknown>>;

/** A report takes no longer than this; the end of a job waits for the last one. */
export const ANSWER_MS = 3_000;
/** Files that are delivered at a time, so that a long outage holds nobody up. */
const FILES_MAX = 200;

/** Where trackers of this user leave what nobody has taken, unless they are told otherwise. */
export function defaultSpoolDirectory(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'avalanche', 'runs');
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
    for (const name of this.leftFiles().slice(0, FILES_MAX)) {
      const file = join(this.directory, name);
      const reports = reportsOf(file);
      if (reports.length > 0 && !(await server.take(reports))) return;
      rmSync(file, { force: true });
    }
  }

  private leftFiles(): string[] {
    try {
      return readdirSync(this.directory)
        .filter((name) => /\.\d+\.jsonl$/.test(name) && !isAlive(Number(/\.(\d+)\.jsonl$/.exec(name)?.[1])))
        .sort();
    } catch {
      return [];
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
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
