import { get } from 'node:http';
import { connect } from 'node:net';

const PROBE_TIMEOUT_MS = 1000;

/**
 * Whether something answers `/metrics` at this address with an exposition: then a role is adopted, not started.
 * Asked by `node:http`: the first use of the global fetch takes megabytes that exporters alone never give back.
 */
export function answersMetrics(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const request = get({ host: reachable(host), port, path: '/metrics', agent: false, signal }, (answer) => {
      const type = answer.headers['content-type'] ?? '';
      resolve(answer.statusCode === 200 && /^(text\/plain|application\/openmetrics-text)/.test(type));
      answer.destroy();
    });
    request.on('error', () => resolve(false));
  });
}

/** Whether anything accepts connections at this address. */
export function acceptsConnections(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: reachable(host), port, timeout: PROBE_TIMEOUT_MS });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.once('timeout', () => done(false));
  });
}

/** An address that a server listening on `host` answers at. */
export function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}

export function urlHost(host: string): string {
  const address = reachable(host);
  return address.includes(':') ? `[${address}]` : address;
}
