import type { CancelSignal } from '@avalanche/model';
import type { Pieces } from '../pieces.ts';
import type { PlainGet } from './plain-get.ts';

/** Who asks. As a signal it tells that the connection is gone. */
export interface Peer extends CancelSignal {
  /** The address of the other end. */
  readonly ip: string;
}

export interface DirectAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Pieces;
}

/** Answers a request, errors included: what it throws closes the connection. @param name what the path has for `:name` */
export type DirectRoute = (request: PlainGet, name: string, peer: Peer) => Promise<DirectAnswer>;

/** An answer that was sent, for metrics. */
export interface Served {
  /** As the route is written, such as `/label/:name/values`. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
  /** Of the body. */
  readonly bytes: number;
}

export interface DirectMatch {
  readonly route: string;
  readonly answer: DirectRoute;
  readonly name: string;
}

interface NamedRoute {
  readonly route: string;
  readonly before: string;
  readonly after: string;
  readonly answer: DirectRoute;
}

/** The routes that answer plain GETs. */
export class DirectRoutes {
  private readonly exact = new Map<string, DirectMatch>();
  private readonly named: NamedRoute[] = [];

  constructor(
    private readonly options: {
      /** Nothing is answered while it is not; then the others say why. */
      readonly isReady: () => boolean;
      readonly served: (served: Served) => void;
    },
  ) {}

  /** @param route a path, in which one segment may be `:name` */
  add(route: string, answer: DirectRoute): void {
    const [before, after] = route.split(':name');
    if (after === undefined) this.exact.set(route, { route, answer, name: '' });
    else this.named.push({ route, before, after, answer });
  }

  /** A name with escapes, and an empty one, is left to the others. */
  find(path: string): DirectMatch | undefined {
    if (!this.options.isReady()) return undefined;
    const exact = this.exact.get(path);
    if (exact) return exact;
    for (const { route, before, after, answer } of this.named) {
      if (!path.startsWith(before) || !path.endsWith(after)) continue;
      const name = path.slice(before.length, path.length - after.length);
      if (/^[\w.-]+$/.test(name)) return { route, answer, name };
    }
    return undefined;
  }

  served(served: Served): void {
    this.options.served(served);
  }
}
