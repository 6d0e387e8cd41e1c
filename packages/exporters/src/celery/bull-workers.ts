import { hostname } from 'node:os';

/** A connection by which a BullMQ worker waits for jobs. */
export interface BullClient {
  /** `name@host`: the worker's own name, or its queue's. */
  readonly worker: string;
  readonly host: string;
  /** Since its last command. */
  readonly idleMs: number;
}

/** Workers of each queue in the answer to `CLIENT LIST`, by `prefix:queue`: they name their connections after the queue. */
export function bullClients(list: string, prefixes: readonly string[]): Map<string, BullClient[]> {
  const out = new Map<string, BullClient[]>();
  for (const line of list.split('\n')) {
    const name = field(line, 'name');
    const prefix = prefixes.find((known) => name.startsWith(`${known}:`));
    if (prefix === undefined) continue;
    const match = /^([A-Za-z0-9+/]+={0,2})(?::w:(.*))?$/s.exec(name.slice(prefix.length + 1));
    if (!match) continue; // such as `:qe`, which only listens to events
    const queue = Buffer.from(match[1], 'base64').toString('utf8');
    const host = hostOfAddress(field(line, 'addr'));
    const clients = out.get(`${prefix}:${queue}`) ?? [];
    clients.push({ worker: `${match[2] ?? queue}@${host}`, host, idleMs: Number(field(line, 'idle')) * 1000 });
    out.set(`${prefix}:${queue}`, clients);
  }
  return out;
}

function field(line: string, name: string): string {
  return new RegExp(`(?:^| )${name}=([^ ]*)`).exec(line)?.[1] ?? '';
}

/** Our own name for what runs on this machine, and the address else. */
function hostOfAddress(address: string): string {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  return host === '' || host === '::1' || host.startsWith('127.') || host.startsWith('/') ? hostname() : host;
}
