/** Keys whose values are the user's own names, never paths. */
const NAMES = new Set(['regex', 'labels', 'external_labels', 'params', 'claims', 'endpoint_params', 'headers']);

/**
 * The paths in a configuration made relative to its file, as upstream's SetDirectory does: every `…_file`, and every
 * list under `files` or `…_files`. What is not plain data stays as it is.
 */
export function resolvePaths<T>(value: T, resolve: (path: string) => string): T {
  if (Array.isArray(value)) return value.map((item: unknown) => resolvePaths(item, resolve)) as T;
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, NAMES.has(key) ? inner : resolveKey(key, inner, resolve)]),
  ) as T;
}

function resolveKey(key: string, value: unknown, resolve: (path: string) => string): unknown {
  if (typeof value === 'string' && key.endsWith('_file')) return value === '' ? value : resolve(value);
  if (Array.isArray(value) && /(^|_)files$/.test(key)) return value.map((path: string) => resolve(path));
  return resolvePaths(value, resolve);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
