import type { CancelSignal } from '@avalanche/model';
import { type Peer, type PlainGet, parseQuery } from '@avalanche/web';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Params } from './params.ts';

/** One request to the API, by whichever way it came. */
export interface ApiCall {
  readonly params: Params;
  readonly method: string;
  /** Without what stands behind the question mark. */
  readonly path: string;
  readonly clientIp: string;
  /** What the path has for a route's `:name`; '' where the route has none. */
  readonly name: string;
  /** Tells that the client has gone. */
  readonly gone: CancelSignal;
}

export function callOf(request: FastifyRequest, reply: FastifyReply): ApiCall {
  return {
    params: Params.of(request),
    method: request.method,
    path: request.url.replace(/\?.*$/s, ''),
    clientIp: request.ip,
    name: (request.params as { readonly name?: string }).name ?? '',
    gone: new ClosedResponse(reply),
  };
}

export function directCall({ path, query }: PlainGet, name: string, peer: Peer): ApiCall {
  return { params: new Params(parseQuery(query)), method: 'GET', path, clientIp: peer.ip, name, gone: peer };
}

/** A response that was closed before it was sent. */
class ClosedResponse implements CancelSignal {
  aborted = false;
  private readonly listeners = new Set<() => void>();

  constructor({ raw }: FastifyReply) {
    raw.once('close', () => {
      if (raw.writableFinished) return;
      this.aborted = true;
      for (const listener of this.listeners) listener();
    });
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.listeners.delete(listener);
  }
}
