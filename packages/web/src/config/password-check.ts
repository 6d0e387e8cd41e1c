import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

export interface PasswordJob {
  readonly password: string;
  /** By bcrypt. */
  readonly hash: string;
}

/** Built beside the bundle of whoever uses this package; there is none where the source runs as it is, as in tests. */
const WORKER_FILE = new URL('./password-worker.js', import.meta.url);

/** The file of the thread, null where it has not been built. */
export function passwordWorkerFile(): URL | null {
  return existsSync(fileURLToPath(WORKER_FILE)) ? WORKER_FILE : null;
}

/** Whether a password is that of a hash. It takes tens of milliseconds, in a thread of its own where there is its `file`. */
export async function isPassword(job: PasswordJob, file: URL | null): Promise<boolean> {
  if (!file) return (await import('bcryptjs')).compare(job.password, job.hash);
  const worker = new Worker(file, { workerData: job });
  try {
    return await new Promise<boolean>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the check of a password ended with ${code}`)));
    });
  } finally {
    await worker.terminate();
  }
}
