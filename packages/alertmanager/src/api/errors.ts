/** A request that is answered with `status`; the body is the message as a JSON string, as upstream answers. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: 400 | 403 | 404 | 429 | 500,
    message: string,
  ) {
    super(message);
  }
}

/** A request that does not fit the API's schema: upstream's 422 with `{code, message}` (go-openapi). */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';

  constructor(
    readonly code: number,
    message: string,
    readonly status: 400 | 404 | 405 | 406 | 415 | 422 = 422,
  ) {
    super(message);
  }
}
