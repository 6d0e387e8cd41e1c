/** What can be wrong with a job's input or its run. The code is stable: clients and counters may branch on it. */
export type JobErrorCode =
  | 'bad_request'
  | 'bad_path'
  | 'not_found'
  | 'not_sequences'
  | 'malformed_sequences'
  | 'bad_gzip'
  | 'gzip_bomb'
  | 'line_too_long'
  | 'too_large'
  | 'too_many_records'
  | 'no_sequences'
  | 'no_reads_left'
  | 'bad_reference'
  | 'bad_url'
  | 'download_failed'
  | 'download_interrupted'
  | 'backup_failed'
  | 'queue_full'
  | 'queue_unavailable'
  | 'store_unavailable'
  | 'interrupted'
  | 'internal';

const HTTP_STATUS: Record<JobErrorCode, number> = {
  bad_request: 400,
  bad_path: 400,
  not_found: 404,
  not_sequences: 422,
  malformed_sequences: 422,
  bad_gzip: 422,
  gzip_bomb: 413,
  line_too_long: 422,
  too_large: 413,
  too_many_records: 413,
  no_sequences: 422,
  no_reads_left: 422,
  bad_reference: 422,
  bad_url: 400,
  download_failed: 502,
  download_interrupted: 502,
  backup_failed: 500,
  queue_full: 503,
  queue_unavailable: 503,
  store_unavailable: 503,
  interrupted: 500,
  internal: 500,
};

/** An expected failure, with a reason for the person who sent the job. Only interrupted downloads are worth a retry. */
export class JobError extends Error {
  override readonly name = 'JobError';

  constructor(
    readonly code: JobErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  get httpStatus(): number {
    return HTTP_STATUS[this.code];
  }

  get retryable(): boolean {
    return this.code === 'download_interrupted';
  }
}

/** What a job remembers of its error, and what crosses the border between threads. */
export interface JobFailure {
  readonly code: JobErrorCode;
  readonly message: string;
}

export function failureOf(error: unknown): JobFailure {
  if (error instanceof JobError) return { code: error.code, message: error.message };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}
