/** Error types of the HTTP API v1 and the status each is answered with (upstream web/api/v1). */
const STATUS = {
  bad_data: 400,
  execution: 422,
  canceled: 499,
  timeout: 503,
  unavailable: 500,
  internal: 500,
  not_found: 404,
  not_acceptable: 406,
} as const;

export type ErrorType = keyof typeof STATUS;

/** An error that the API answers as `{"status":"error","errorType":…,"error":…}`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly errorType: ErrorType,
    message: string,
  ) {
    super(message);
  }

  get status(): number {
    return STATUS[this.errorType];
  }
}

export function badParameter(name: string, reason: string): ApiError {
  return new ApiError('bad_data', `invalid parameter ${JSON.stringify(name)}: ${reason}`);
}

/** The API's answer to anything thrown. Errors that carry a known `errorType`, such as the engine's, keep it. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const { errorType, message } = error as { readonly errorType?: string; readonly message?: string };
  if (errorType !== undefined && errorType in STATUS) return new ApiError(errorType as ErrorType, message ?? '');
  return new ApiError('internal', message ?? String(error));
}
