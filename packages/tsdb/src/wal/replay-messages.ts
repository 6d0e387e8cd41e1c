import type { RecordPlace } from './log-reader.ts';

/** What the thread that reads a log is started with. */
export interface ReplayJob {
  readonly paths: readonly string[];
  /** Sample columns of `capacity` samples each, filled in turn. */
  readonly buffers: readonly SharedArrayBuffer[];
  readonly capacity: number;
  /** Two Int32, by `FREE_…`. The reader takes what it uses, the main thread gives it back. */
  readonly free: SharedArrayBuffer;
}

/** How many of the buffers are free, and how many more messages with records may be under way. */
export const FREE_BUFFERS = 0;
export const FREE_MESSAGES = 1;

export interface PostedRecord {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly place: RecordPlace;
}

/** From the reading thread, in the order of the log. */
export type ReplayMessage =
  | { readonly type: 'records'; readonly records: readonly PostedRecord[] }
  /** The next buffer in turn holds so many samples. */
  | { readonly type: 'samples'; readonly length: number }
  | {
      readonly type: 'end';
      readonly sampleRecords: number;
      readonly damage: (RecordPlace & { readonly reason: string }) | undefined;
    };
