import type { FastifyInstance, FastifyReply } from 'fastify';

export interface LifecycleOptions {
  readonly enabled: boolean;
  readonly reload: () => Promise<void>;
  readonly quit: (() => void) | undefined;
}

/** `/-/healthy`, `/-/ready`, `/-/reload` and `/-/quit`. */
export function lifecycle(app: FastifyInstance, { enabled, reload, quit }: LifecycleOptions): void {
  const text = (reply: FastifyReply, code: number, body: string) => reply.code(code).type('text/plain').send(body);
  app.get('/-/healthy', (_request, reply) => text(reply, 200, 'Prometheus Server is Healthy.\n'));
  app.get('/-/ready', (_request, reply) => text(reply, 200, 'Prometheus Server is Ready.\n'));
  for (const url of ['/-/reload', '/-/quit']) {
    app.get(url, (_request, reply) =>
      text(reply.header('allow', 'POST, PUT'), 405, 'Only POST or PUT requests allowed'),
    );
  }
  for (const method of ['POST', 'PUT'] as const) {
    app.route({
      method,
      url: '/-/reload',
      handler: async (_request, reply) => {
        if (!enabled) return text(reply, 403, 'Lifecycle API is not enabled.');
        try {
          await reload();
          return text(reply, 200, '');
        } catch (error) {
          return text(reply, 500, `failed to reload config: ${(error as Error).message}\n`);
        }
      },
    });
    app.route({
      method,
      url: '/-/quit',
      handler: async (_request, reply) => {
        if (!enabled || !quit) return text(reply, 403, 'Lifecycle API is not enabled.');
        setImmediate(quit);
        return text(reply, 200, 'Requesting termination... Goodbye!');
      },
    });
  }
}
