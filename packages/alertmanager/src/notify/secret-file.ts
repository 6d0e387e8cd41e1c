import { readFile } from 'node:fs/promises';

/** A secret's file that is not there or empty, before it has ever been there. */
export class SecretMissing extends Error {
  override readonly name = 'SecretMissing';
}

/**
 * A secret that is given in the configuration or kept in a file, which is read each time it is used, so that a new one
 * counts at once. A file that has never held anything is "not configured yet"; one that is lost later is an error.
 */
export class Secret {
  private seen = false;

  private constructor(
    private readonly inline: string | undefined,
    private readonly file: string | undefined,
  ) {}

  /** What is given in place counts; undefined where neither is given. `file` is an absolute path. */
  static of(inline: string | undefined, file: string | undefined): Secret | undefined {
    if (inline) return new Secret(inline, undefined);
    return file ? new Secret(undefined, file) : undefined;
  }

  /** @throws SecretMissing, or Error naming the file where it was there before */
  async read(): Promise<string> {
    if (this.file === undefined) return this.inline ?? '';
    const text = await readTrimmed(this.file);
    if (text !== '') {
      this.seen = true;
      return text;
    }
    if (this.seen) throw new Error(`${this.file} is gone or empty`);
    throw new SecretMissing(`${this.file} does not exist or is empty`);
  }
}

async function readTrimmed(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Which of the secrets is not there yet, in words. */
export async function missingSecret(secrets: readonly (Secret | undefined)[]): Promise<string | undefined> {
  for (const secret of secrets) {
    try {
      await secret?.read();
    } catch (error) {
      if (error instanceof SecretMissing) return error.message;
    }
  }
  return undefined;
}
