import { mkdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { JobError } from './errors.ts';

const FOLDERS = ['jobs', 'uploads', 'downloads', 'references', 'backups'] as const;

/** The service's own folder. Paths that come from outside are resolved here, and never lead out of it. */
export class DataFolder {
  private constructor(readonly root: string) {}

  /** Opens the folder, and makes it and its parts where they are missing. @throws Error as the file system gives it */
  static async open(path: string): Promise<DataFolder> {
    await Promise.all(FOLDERS.map((name) => mkdir(join(path, name), { recursive: true })));
    return new DataFolder(await realpath(path));
  }

  /** A path of our own making. */
  path(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  /** The path as jobs remember it. */
  relative(path: string): string {
    return relative(this.root, path);
  }

  /**
   * The real path of an existing regular file named by a client.
   * @throws JobError bad_path where it leads out of the folder, also by a symbolic link, and not_found
   */
  async existingFile(path: string): Promise<string> {
    const refused = new JobError('bad_path', 'the path must be relative and stay inside the data folder');
    if (path === '' || path.includes('\0') || isAbsolute(path)) throw refused;
    if (path.split(/[/\\]/).includes('..')) throw refused;
    const missing = new JobError('not_found', 'there is no such file in the data folder');
    const real = await realpath(resolve(this.root, path)).catch(() => {
      throw missing;
    });
    if (!real.startsWith(this.root + sep)) throw refused;
    if (!(await stat(real)).isFile()) throw missing;
    return real;
  }
}
