import type { IncomingMessage } from 'node:http';

/** What is needed of a request of Express. */
export interface ExpressRequest extends IncomingMessage {
  readonly baseUrl: string;
  readonly app: object;
}

/** Stands for a mount path whose pattern cannot be told (Express 4, a mounted sub-application). */
const UNKNOWN_MOUNT = '/:mount';

/**
 * Watches which route Express chooses for `request`, and returns a function that gives its pattern, mount included, or
 * undefined where none was chosen. It looks at the moment of the choice because `baseUrl`, which is the mount path as
 * it was asked for (`/users/42` for `/users/:id`), is reset when an error travels up again.
 */
export function watchExpressRoute(request: ExpressRequest): () => string | undefined {
  let route: { path?: unknown } | undefined;
  let pattern: string | undefined;
  Object.defineProperty(request, 'route', {
    configurable: true,
    enumerable: true,
    get: () => route,
    set(chosen: { path?: unknown } | undefined) {
      route = chosen;
      if (chosen) pattern = joined(mountPattern(request), pathText(chosen.path));
    },
  });
  return () => pattern;
}

function mountPattern(request: ExpressRequest): string {
  if (request.baseUrl === '') return '';
  const stack = (request.app as { router?: { stack?: unknown } }).router?.stack;
  return patternOf(segments(request.baseUrl), stack) ?? UNKNOWN_MOUNT;
}

/** Finds the layers whose patterns together make up `path`: the router's own list of mounts, level by level. */
function patternOf(path: readonly string[], stack: unknown): string | undefined {
  if (path.length === 0) return '';
  if (!Array.isArray(stack)) return undefined;
  for (const layer of stack as { rawPath?: unknown; handle?: { stack?: unknown } }[]) {
    if (typeof layer.rawPath !== 'string') continue;
    const mount = segments(layer.rawPath);
    if (!matches(mount, path)) continue;
    const rest = patternOf(path.slice(mount.length), layer.handle?.stack);
    if (rest !== undefined) return joined(layer.rawPath, rest);
  }
  return undefined;
}

function matches(mount: readonly string[], path: readonly string[]): boolean {
  if (mount.length > path.length) return false;
  return mount.every((part, i) => part.startsWith(':') || part.toLowerCase() === path[i]?.toLowerCase());
}

function segments(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function joined(mount: string, path: string): string {
  const whole = `${mount === '/' ? '' : mount}${path === '/' && mount !== '' ? '' : path}`;
  return whole === '' ? '/' : whole;
}

/** A route's path may be a string, a regular expression, or a list of them. */
function pathText(path: unknown): string {
  return Array.isArray(path) ? path.map(pathText).join('|') : String(path);
}
