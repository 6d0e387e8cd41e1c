import { statfs } from 'node:fs/promises';
import { endianness } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import type { Logger } from '@avalanche/model';
import { KernelHelper, SystemCallError } from './kernel-helper.ts';

/** What statfs(2) says that is exported; blocks are of `bsize` bytes. */
export interface Space {
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

const TIMED_OUT = 'mountpoint timeout';
/** A further worker begins when the others have not done in this time. */
const HELP_AFTER_MS = 100;
/** Without helper processes, each hanging call holds one of the four threads that all file access of Node shares. */
const STUCK_THREADS_MAX = 2;

/**
 * Asks mounts that may hang, each in a helper process: one that hangs takes its helper with it, and nothing else. It is
 * not asked again until its helper has come back.
 */
export class RemoteMounts {
  private readonly stuck = new Set<string>();
  private readonly stuckHelpers = new Set<KernelHelper>();
  private readonly idle: KernelHelper[] = [];
  private stuckThreads = 0;
  private isClosed = false;

  constructor(
    private readonly options: { readonly timeoutMs: number; readonly workers: number; readonly logger: Logger },
  ) {}

  /**
   * The space of each path, or why there is none.
   * @param deadline of `performance.now()`: what has not answered by then counts as hung
   */
  async ask(paths: readonly string[], deadline: number): Promise<(Space | string)[]> {
    const results: (Space | string)[] = paths.map(() => TIMED_OUT);
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < paths.length) {
        const i = next++;
        if (!this.stuck.has(paths[i])) results[i] = await this.askOne(paths[i], deadline);
      }
    };
    const workers = [work()];
    const timer = setInterval(() => {
      if (workers.length < Math.min(this.options.workers, paths.length)) workers.push(work());
    }, HELP_AFTER_MS);
    try {
      for (const worker of workers) await worker; // those that have been added meanwhile as well
    } finally {
      clearInterval(timer);
    }
    return results;
  }

  close(): void {
    this.isClosed = true;
    for (const helper of [...this.idle.splice(0), ...this.stuckHelpers]) helper.close();
  }

  /** Half of the time left at most, so that many that hang do not use up the scrape's. */
  private async askOne(path: string, deadline: number): Promise<Space | string> {
    const helper = this.takeHelper();
    if (!helper && this.stuckThreads >= STUCK_THREADS_MAX) return 'not asked: other mounts hang';
    const answer = helper ? askHelper(helper, path) : askThread(path);
    const left = Math.max(1, Math.min(this.options.timeoutMs, (deadline - performance.now()) / 2));
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), left);
    });
    const result = await Promise.race([answer, timeout]);
    clearTimeout(timer);
    if (result === null) this.hang(path, helper, answer);
    else if (helper) this.giveBack(helper);
    return result ?? TIMED_OUT;
  }

  private hang(path: string, helper: KernelHelper | null, answer: Promise<Space | string>): void {
    this.stuck.add(path);
    if (helper) this.stuckHelpers.add(helper);
    else this.stuckThreads++;
    this.options.logger.warn('Mount hangs; it is not asked again until it has answered', { path });
    void answer.then(() => {
      this.stuck.delete(path);
      if (helper) {
        this.stuckHelpers.delete(helper);
        this.giveBack(helper);
      } else {
        this.stuckThreads--;
      }
      if (!this.isClosed) this.options.logger.info('Mount has answered', { path });
    });
  }

  private takeHelper(): KernelHelper | null {
    for (let helper = this.idle.pop(); helper; helper = this.idle.pop()) if (!helper.hasEnded) return helper;
    try {
      return new KernelHelper();
    } catch {
      return null;
    }
  }

  private giveBack(helper: KernelHelper): void {
    if (this.idle.length === 0 && !this.isClosed) this.idle.push(helper);
    else helper.close();
  }
}

async function askThread(path: string): Promise<Space | string> {
  try {
    return await statfs(path);
  } catch (error) {
    return statfsMessage(-((error as NodeJS.ErrnoException).errno ?? 0));
  }
}

async function askHelper(helper: KernelHelper, path: string): Promise<Space | string> {
  try {
    const { bytes } = await helper.statfs(path);
    const read = (at: number) => Number(endianness() === 'LE' ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
    return {
      bsize: read(8),
      blocks: read(16),
      bfree: read(24),
      bavail: read(32),
      files: read(40),
      ffree: read(48),
    };
  } catch (error) {
    // a helper that cannot be had (no perl) or has died: a thread of our own does it
    return error instanceof SystemCallError ? statfsMessage(error.errno) : askThread(path);
  }
}

/** Where Linux's words, which Go prints, differ from those of libuv. */
const MESSAGES: Readonly<Record<number, string>> = {
  5: 'input/output error',
  13: 'permission denied',
  40: 'too many levels of symbolic links',
  107: 'transport endpoint is not connected',
  110: 'connection timed out',
  112: 'host is down',
  113: 'no route to host',
  116: 'stale file handle',
};

/** What `device_error` says of an error of statfs(2), in the words of Go. */
export function statfsMessage(errno: number): string {
  return MESSAGES[errno] ?? getSystemErrorMap().get(-errno)?.[1] ?? `errno ${errno}`;
}
