import type { Registry } from 'prom-client';
import { CONTENT_TYPES, renderMetrics } from './series/render.ts';

export interface PushOptions {
  /** Of a Pushgateway, such as `http://127.0.0.1:9091`; a user and password in it are used. */
  readonly url: string;
  readonly job: string;
  /** Further labels that tell this group from others of the job, such as `{ instance: 'n1' }`. */
  readonly grouping?: Readonly<Record<string, string>>;
  readonly registry: Registry;
  /** `PUT` replaces all that the group had, `POST` only metrics of the same names. Default `PUT`. */
  readonly method?: 'PUT' | 'POST';
  /** How long it holds, such as `1h`; our own pushgateway role forgets it then. Default: as the server has it. */
  readonly ttl?: string;
  /** Milliseconds. Default 5000. */
  readonly timeoutMs?: number;
}

/** Pushes what a registry has to a Pushgateway. @throws Error where it is not taken */
export async function pushMetrics(options: PushOptions): Promise<void> {
  const body = await renderMetrics(options.registry);
  await request(options, { method: options.method ?? 'PUT', body, headers: { 'content-type': CONTENT_TYPES.text } });
}

/** Removes the group of a job from a Pushgateway. @throws Error where that fails */
export async function deletePushed(options: Omit<PushOptions, 'registry'>): Promise<void> {
  await request(options, { method: 'DELETE' });
}

export interface PusherOptions extends PushOptions {
  /** Milliseconds between pushes. Default 15 000. */
  readonly intervalMs?: number;
  /** Told of a push that failed; the next one comes. Default: nobody. */
  readonly onError?: (error: Error) => void;
}

/** Pushes again and again, and never fails the application. `stop` pushes a last time. */
export function startPushing(options: PusherOptions): { stop(): Promise<void> } {
  let pushing: Promise<void> = Promise.resolve();
  const push = (): Promise<void> => {
    pushing = pushing.then(() => pushMetrics(options)).catch((error: unknown) => options.onError?.(error as Error));
    return pushing;
  };
  const timer = setInterval(push, options.intervalMs ?? 15_000);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      return push();
    },
  };
}

async function request(options: Omit<PushOptions, 'registry'>, init: RequestInit): Promise<void> {
  const url = new URL(options.url);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const base = url.href.replace(/\/$/, '');
  const ttl = options.ttl ? `?ttl=${encodeURIComponent(options.ttl)}` : '';
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  const response = await fetch(`${base}${groupPath(options)}${ttl}`, {
    ...init,
    headers: { ...init.headers, ...(username === '' ? {} : { authorization: `Basic ${credentials}` }) },
    signal: AbortSignal.timeout(options.timeoutMs ?? 5_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the Pushgateway answered ${response.status}: ${text.trim()}`);
}

function groupPath({ job, grouping = {} }: Pick<PushOptions, 'job' | 'grouping'>): string {
  // the client would take dots alone for folders
  const parts = Object.entries({ job, ...grouping }).map(([name, value]) =>
    /^(?!\.+$)[\w.:-]+$/.test(value)
      ? `/${name}/${value}`
      : `/${name}@base64/${Buffer.from(value).toString('base64url') || '='}`,
  );
  return `/metrics${parts.join('')}`;
}
