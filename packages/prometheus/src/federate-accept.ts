import { ESCAPINGS, type Escaping } from './federate-text.ts';

/** What an answer of federation is written in. */
export interface FederationFormat {
  readonly isProtobuf: boolean;
  readonly escaping: Escaping;
  readonly contentType: string;
}

const PROTOBUF = 'application/vnd.google.protobuf';
const MESSAGE = 'io.prometheus.client.MetricFamily';

interface Clause {
  readonly type: string;
  readonly params: ReadonlyMap<string, string>;
  readonly weight: number;
}

/**
 * The format that an `Accept` header asks for first, of delimited protobuf and text 0.0.4, and what names become that
 * are none of it: the last escaping that was asked for up to there.
 */
export function federationFormat(accept = ''): FederationFormat {
  let escaping: Escaping = 'underscores';
  for (const { type, params } of clausesOf(accept)) {
    escaping = ESCAPINGS.find((known) => known === params.get('escaping')) ?? escaping;
    if (type === PROTOBUF && params.get('proto') === MESSAGE && params.get('encoding') === 'delimited') {
      const contentType = `${PROTOBUF}; proto=${MESSAGE}; encoding=delimited; escaping=${escaping}`;
      return { isProtobuf: true, escaping, contentType };
    }
    if (type === 'text/plain' && ['0.0.4', ''].includes(params.get('version') ?? '')) break;
  }
  return { isProtobuf: false, escaping, contentType: `text/plain; version=0.0.4; charset=utf-8; escaping=${escaping}` };
}

/** The heaviest first; of one weight as they stand. */
function clausesOf(accept: string): Clause[] {
  const clauses = accept.split(',').map((text) => {
    const [type, ...rest] = text.split(';').map((part) => part.trim());
    const params = new Map(rest.map((part) => part.split('=', 2) as [string, string]));
    return { type, params, weight: Number(params.get('q') ?? 1) || 0 };
  });
  return clauses.sort((a, b) => b.weight - a.weight);
}
