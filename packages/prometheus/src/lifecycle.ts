import type { Readiness } from './readiness.ts';
import { plainText, type Routes } from './routes.ts';

export interface LifecycleOptions {
  readonly enabled: boolean;
  readonly readiness: Readiness;
  readonly reload: () => Promise<void>;
  readonly quit: (() => void) | undefined;
}

/** `/-/healthy`, `/-/ready`, `/-/reload` and `/-/quit`. */
export function lifecycle(routes: Routes, { enabled, readiness, reload, quit }: LifecycleOptions): void {
  routes.get('/-/healthy', (_request, reply) => plainText(reply, 200, 'Prometheus Server is Healthy.\n'));
  routes.add('HEAD', '/-/healthy', (_request, reply) => reply.send());
  routes.get('/-/ready', (_request, reply) =>
    readiness.isReady ? plainText(reply, 200, 'Prometheus Server is Ready.\n') : readiness.refuse(reply),
  );
  routes.add('HEAD', '/-/ready', (_request, reply) => (readiness.isReady ? reply.send() : readiness.refuse(reply)));
  for (const url of ['/-/reload', '/-/quit']) {
    routes.get(url, (_request, reply) => plainText(reply, 405, 'Only POST or PUT requests allowed'));
  }
  routes.postOrPut('/-/reload', async (_request, reply) => {
    if (!enabled) return plainText(reply, 403, 'Lifecycle API is not enabled.');
    try {
      await reload();
      return reply.send();
    } catch (error) {
      return plainText(reply, 500, `failed to reload config: ${(error as Error).message}\n`);
    }
  });
  let isEnding = false;
  routes.postOrPut('/-/quit', (_request, reply) => {
    if (!enabled || !quit) return plainText(reply, 403, 'Lifecycle API is not enabled.');
    if (isEnding) return plainText(reply, 200, 'Termination already in progress.');
    isEnding = true;
    setImmediate(quit);
    return plainText(reply, 200, 'Requesting termination... Goodbye!');
  });
}
