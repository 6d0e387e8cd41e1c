import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@avalanche/model';
import type { WalPosition } from '@avalanche/tsdb';

/** How far each shard of a queue has come: series `ref` belongs to shard `ref % positions.length`. */
export type ShardPositions = readonly WalPosition[];

const FILE = 'remote-write-positions.json';
/** What was settled since the last write is sent again after a crash. */
const SAVE_MS = 100;

/**
 * How far in the log every queue has been sent, in a file of the data directory, so that a restart goes on where the
 * last run ended. Upstream has no such file: it begins with what comes after its start.
 */
export class SentPositions {
  private readonly queues = new Map<string, ShardPositions>();
  private readonly path: string;
  private timer: NodeJS.Timeout | undefined = undefined;

  constructor(
    directory: string,
    private readonly logger: Logger,
  ) {
    this.path = join(directory, FILE);
    for (const [key, positions] of Object.entries(this.read())) this.queues.set(key, positions);
  }

  get(key: string): ShardPositions | undefined {
    return this.queues.get(key);
  }

  /** Written soon. */
  set(key: string, positions: ShardPositions): void {
    this.queues.set(key, positions);
    this.timer ??= setTimeout(() => this.save(), SAVE_MS).unref();
  }

  /** Forgets queues that are no longer configured: should they come back, they begin anew. */
  keep(keys: ReadonlySet<string>): void {
    const gone = [...this.queues.keys()].filter((key) => !keys.has(key));
    for (const key of gone) this.queues.delete(key);
    if (gone.length > 0) this.save();
  }

  /** Writes at once. A failure is told: the next write has everything again. */
  save(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    try {
      const temporary = `${this.path}.tmp`;
      writeFileSync(temporary, JSON.stringify({ version: 1, queues: Object.fromEntries(this.queues) }));
      renameSync(temporary, this.path);
    } catch (error) {
      this.logger.error('How far remote write has come could not be saved', { file: this.path, error });
    }
  }

  private read(): Record<string, ShardPositions> {
    try {
      const { queues } = JSON.parse(readFileSync(this.path, 'utf8')) as { queues?: Record<string, unknown> };
      return Object.fromEntries(Object.entries(queues ?? {}).filter(isEntry));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.logger.warn('How far remote write has come cannot be read: it begins with what comes now', {
          file: this.path,
          error,
        });
      }
      return {};
    }
  }
}

function isEntry(entry: [string, unknown]): entry is [string, ShardPositions] {
  const [, positions] = entry;
  return Array.isArray(positions) && positions.length > 0 && positions.every(isPosition);
}

function isPosition(given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return false;
  const { segment, offset, item } = given as Record<string, unknown>;
  return [segment, offset, item].every((number) => Number.isSafeInteger(number) && (number as number) >= 0);
}
