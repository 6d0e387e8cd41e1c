import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT';
const ALL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

export type RouteHandler = (request: FastifyRequest, reply: FastifyReply) => unknown;

/** Paths that know which methods they have, and refuse the others as upstream's router does. */
export class Routes {
  private readonly methods = new Map<string, Method[]>();

  /** Which methods each path has. */
  get table(): ReadonlyMap<string, readonly Method[]> {
    return this.methods;
  }

  constructor(private readonly app: FastifyInstance) {}

  add(method: Method, url: string, handler: RouteHandler): void {
    this.methods.set(url, [...(this.methods.get(url) ?? []), method]);
    this.app.route({ method, url, exposeHeadRoute: false, handler: async (request, reply) => handler(request, reply) });
  }

  get(url: string, handler: RouteHandler): void {
    this.add('GET', url, handler);
  }

  getOrHead(url: string, handler: RouteHandler): void {
    this.add('GET', url, handler);
    this.add('HEAD', url, handler);
  }

  getOrPost(url: string, handler: RouteHandler): void {
    this.add('GET', url, handler);
    this.add('POST', url, handler);
  }

  postOrPut(url: string, handler: RouteHandler): void {
    this.add('POST', url, handler);
    this.add('PUT', url, handler);
  }

  /** After the last route: what a path does not do is answered 405 with a list of what it does. */
  refuseOthers(): void {
    for (const [url, own] of this.methods) {
      this.app.route({
        method: ALL_METHODS.filter((method) => !own.includes(method as Method)),
        url,
        exposeHeadRoute: false,
        handler: async (_request, reply) =>
          plainText(reply.header('allow', [...own, 'OPTIONS'].sort().join(', ')), 405, 'Method Not Allowed\n'),
      });
    }
  }
}

/** A text that is no page. Go's servers send it with this type. */
export function plainText(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=utf-8').send(text);
}

/** What Go's `http.Error` sends. */
export function textError(reply: FastifyReply, status: number, message: string): FastifyReply {
  return plainText(reply.header('x-content-type-options', 'nosniff'), status, `${message}\n`);
}
