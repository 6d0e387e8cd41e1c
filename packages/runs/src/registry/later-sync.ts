import { syncData, syncFolder } from '../replace-file.ts';

/**
 * Files that are brought to the disk soon after they were written, so that a loss of power costs a moment and not what the
 * kernel still holds. What is written during one round waits for the next: many writes cost few syncs.
 */
export class LaterSync {
  private waiting = new Set<string>();
  private round: Promise<void> | undefined;

  /** @param failed is told of the error of a file, which is not tried again before it is written again */
  constructor(
    private readonly failed: (file: string, error: unknown) => void,
    private readonly sync: (file: string) => Promise<void> = syncFile,
  ) {}

  /** Never waits, never throws. */
  add(file: string): void {
    this.waiting.add(file);
    this.round ??= this.run();
  }

  /** Resolves when all that was added is on the disk, or was told to have failed. */
  async done(): Promise<void> {
    await this.round;
  }

  private async run(): Promise<void> {
    // what is written in the same turn is of the same round
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.size > 0) {
      const files = this.waiting;
      this.waiting = new Set();
      for (const file of files) await this.sync(file).catch((error: unknown) => this.failed(file, error));
    }
    this.round = undefined;
  }
}

/** The file's data, and its name in the folder. @throws the system's error */
async function syncFile(file: string): Promise<void> {
  await syncData(file);
  await syncFolder(file);
}
