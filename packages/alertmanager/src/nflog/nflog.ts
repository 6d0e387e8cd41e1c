import type { Clock } from '@avalanche/model';
import type { ReceiverData } from '../notify/integration.ts';
import { StateFile } from '../storage/state-file.ts';
import { nflogFormat } from './format.ts';

/** What a receiver's integration was last told about a group. Times in milliseconds, alerts by their hash. */
export interface NotificationEntry {
  readonly groupKey: string;
  /** `receiver/integration/index`. */
  readonly receiver: string;
  readonly timestamp: number;
  readonly firing: BigUint64Array;
  readonly resolved: BigUint64Array;
  readonly expiresAt: number;
  /** What the integration keeps about the group. */
  readonly data?: Readonly<ReceiverData>;
}

/** What was sent. */
export interface SentNotification {
  readonly firing: BigUint64Array;
  readonly resolved: BigUint64Array;
  readonly repeatIntervalMs: number;
  readonly data: Readonly<ReceiverData>;
}

/** The notification log: it keeps a notification from being repeated inside repeat_interval, over restarts too. */
export class NotificationLog {
  private readonly entries = new Map<string, NotificationEntry>();
  private readonly file: StateFile<NotificationEntry>;
  readonly counts = { queries: 0, seconds: 0 };

  /** @param file upstream's `nflog`. @throws the system's error where it cannot be written */
  constructor(
    file: string,
    private readonly clock: Clock,
    private readonly retentionMs: number,
  ) {
    const now = clock.now();
    this.file = StateFile.open<NotificationEntry>(
      file,
      nflogFormat,
      (entry) => {
        if (entry.expiresAt > now) this.entries.set(keyOf(entry.groupKey, entry.receiver), entry);
      },
      () => this.entries.values(),
    );
  }

  get(groupKey: string, receiver: string): NotificationEntry | undefined {
    this.counts.queries++;
    return this.entries.get(keyOf(groupKey, receiver));
  }

  /** Bytes that were left out when the file was read, as they were damaged. */
  get dropped(): number {
    return this.file.dropped;
  }

  get size(): number {
    return this.entries.size;
  }

  get bytes(): number {
    return this.file.bytes;
  }

  /** Records a notification that was sent. It is kept for twice the repeat interval, at most for the retention. */
  log(groupKey: string, receiver: string, sent: SentNotification): void {
    const timestamp = this.clock.now();
    const expiresAt = timestamp + Math.min(this.retentionMs, 2 * sent.repeatIntervalMs);
    const { firing, resolved, data } = sent;
    const kept = Object.keys(data).length > 0 ? { data: { ...data } } : {};
    const entry = { groupKey, receiver, timestamp, firing, resolved, expiresAt, ...kept };
    this.entries.set(keyOf(groupKey, receiver), entry);
    this.file.append(entry);
  }

  forgetExpired(): void {
    const now = this.clock.now();
    for (const [key, entry] of this.entries) if (entry.expiresAt <= now) this.entries.delete(key);
  }

  /** Writes the file anew. @throws the system's error */
  compact(): Promise<void> {
    return this.file.compact();
  }

  close(): void {
    this.file.close();
  }
}

function keyOf(groupKey: string, receiver: string): string {
  return `${receiver}\n${groupKey}`;
}
