import { type AnchoredRegex, compileAnchored } from '@avalanche/model';
import type { FastifyReply, FastifyRequest } from 'fastify';

const EVERYBODY = '.*';

/** Which web pages of other origins may read answers (`--web.cors.origin`). @throws Error for an invalid expression */
export class CorsOrigin {
  private readonly regex: AnchoredRegex;

  constructor(pattern = EVERYBODY) {
    this.regex = compileAnchored(pattern);
  }

  /** Adds the headers that upstream adds, to an answer for a page that says where it is from. */
  allow({ headers: { origin } }: FastifyRequest, reply: FastifyReply): void {
    if (origin === undefined || origin === '') return;
    reply.headers({
      'access-control-allow-headers': 'Accept, Authorization, Content-Type, Origin',
      'access-control-allow-methods': 'GET, POST, OPTIONS',
      'access-control-expose-headers': 'Date',
      vary: 'Origin',
    });
    if (this.regex.pattern === EVERYBODY) reply.header('access-control-allow-origin', '*');
    else if (this.regex.accepts(origin)) reply.header('access-control-allow-origin', origin);
  }
}
