/** An answer that is an error. `status` 0 means that no server answered. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    message: string,
    readonly status: number,
    /** The server's own kind, such as Prometheus's `bad_data`. */
    readonly kind = '',
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

let refused: (() => void) | undefined;

/** `listener` is told of every 401, whatever asked; one at a time. Returns how to stop. */
export function onRefused(listener: () => void): () => void {
  refused = listener;
  return () => {
    if (refused === listener) refused = undefined;
  };
}

const TIMEOUT_MS = 60_000;

/** Which server did not answer, as a person would call it. */
function away(url: string): string {
  const proxied = /\/proxy\/uid\/(\w)(\w+)\//.exec(url);
  const server = proxied ? `${proxied[1]!.toUpperCase()}${proxied[2]}` : new URL(url, location.href).host;
  return `${server} does not answer. Is it running?`;
}

/**
 * Fetches JSON. @throws ApiError with the server's own words where it gave some; an abort by the caller passes through.
 */
export async function fetchJson(url: string, init: RequestInit = {}): Promise<unknown> {
  return parseBody(await fetchText(url, { ...init, headers: { accept: 'application/json', ...init.headers } }));
}

/** Fetches text. @throws ApiError as `fetchJson` does */
export async function fetchText(url: string, init: RequestInit = {}): Promise<string> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
  let response: Response;
  try {
    response = await fetch(url, { ...init, signal });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    if (timeout.aborted) throw new ApiError(`No answer within ${TIMEOUT_MS / 1000} s.`, 0, 'timeout', { cause: error });
    throw new ApiError(away(url), 0, 'away', { cause: error });
  }
  const text = await response.text();
  if (response.ok) return text;
  if (response.status === 401) refused?.();
  throw errorOf(response.status, parseBody(text), text, url);
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function errorOf(status: number, body: unknown, text: string, url: string): ApiError {
  const kind = typeof body === 'object' && body !== null && 'errorType' in body ? String(body.errorType) : '';
  // With a kind it is the server itself that answers: 503 is its word for a query that took too long.
  if (kind === '' && (status === 502 || status === 503 || status === 504)) {
    const said = messageOf(body);
    return new ApiError(said ?? away(url), said ? status : 0, 'away');
  }
  const fallback = text.length > 0 && text.length < 300 && !text.startsWith('<') ? text.trim() : `HTTP ${status}`;
  return new ApiError(messageOf(body) ?? fallback, status, kind);
}

function messageOf(body: unknown): string | undefined {
  if (typeof body === 'string') return body;
  if (typeof body !== 'object' || body === null) return undefined;
  if ('error' in body && typeof body.error === 'string') return body.error;
  return 'message' in body && typeof body.message === 'string' ? body.message : undefined;
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** A sentence for whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `value` as JSON, for a request with a body. */
export function jsonBody(method: string, value: unknown): RequestInit {
  return { method, body: JSON.stringify(value), headers: { 'content-type': 'application/json' } };
}
