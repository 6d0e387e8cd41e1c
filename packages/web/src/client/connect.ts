import { promises as dns } from 'node:dns';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { hostOf } from './proxy.ts';
import { serverNameOf } from './tls.ts';

/** As Go's client: a handshake that takes longer has failed. */
const HANDSHAKE_MS = 10_000;
/** A proxy's answer to CONNECT that is longer is none. */
const CONNECT_ANSWER_BYTES_MAX = 16 * 1024;

export interface ConnectOptions {
  readonly url: URL;
  readonly tls: tls.ConnectionOptions;
  readonly proxy: URL | null;
  readonly proxyHeaders: Readonly<Record<string, readonly string[]>>;
  /** Whether each connection goes to any one of the addresses that a name has, rather than to the first that answers. */
  readonly anyAddress?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a connection over which HTTP/1.1 is spoken with the server of `url`: through TLS for https, through the tunnel
 * of a proxy for https or SOCKS. For plain http through an HTTP proxy it is the proxy's connection, whose requests
 * name the whole address (see `isAbsoluteForm`). @throws Error
 */
export async function openConnection(options: ConnectOptions) {
  const { url, tls: tlsOptions, proxy, proxyHeaders, signal } = options;
  const secure = url.protocol === 'https:';
  let socket: net.Socket;
  if (!proxy) socket = await dial(url, options);
  else {
    socket = await dial(proxy, options);
    if (proxy.protocol === 'https:') {
      socket = await handshake(socket, hostOf(proxy), tlsOptions, signal); // as Go: the same for both ends
    }
    if (proxy.protocol.startsWith('socks5')) await socksTunnel(socket, url, proxy);
    else if (secure) await httpTunnel(socket, url, proxy, proxyHeaders);
  }
  return secure ? handshake(socket, hostOf(url), tlsOptions, signal) : socket;
}

/** Whether requests over such a connection name the whole address, scheme and host included. */
export function isAbsoluteForm(url: URL, proxy: URL | null): boolean {
  return proxy !== null && url.protocol === 'http:' && !proxy.protocol.startsWith('socks5');
}

/** `Proxy-Authorization` from the user in a proxy's address; undefined where there is none. */
export function proxyAuthorization(proxy: URL): string | undefined {
  if (proxy.username === '' && proxy.password === '') return undefined;
  const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return `Basic ${Buffer.from(user).toString('base64')}`;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'socks5:': 1080,
  'socks5h:': 1080,
};

/** The port of `url`, that of its scheme where it names none. @throws Error for a scheme that has none */
export function portOf(url: URL): number {
  const port = url.port ? Number(url.port) : DEFAULT_PORTS[url.protocol];
  if (port === undefined) throw new Error(`unsupported protocol scheme ${JSON.stringify(url.protocol.slice(0, -1))}`);
  return port;
}

async function dial(url: URL, { anyAddress, signal }: ConnectOptions): Promise<net.Socket> {
  const host = anyAddress ? await anyAddressOf(hostOf(url)) : hostOf(url);
  return opened(net.connect({ host, port: portOf(url), noDelay: true }), 'connect', signal);
}

/** Any one of a name's addresses; the name itself where it has none, for whose failure the connection tells. */
async function anyAddressOf(host: string): Promise<string> {
  const addresses = await dns.lookup(host, { all: true }).catch(() => []);
  return addresses[Math.floor(Math.random() * addresses.length)]?.address ?? host;
}

function handshake(socket: net.Socket, host: string, options: tls.ConnectionOptions, signal: AbortSignal | undefined) {
  const secured = tls.connect({
    ...options,
    socket,
    host,
    servername: serverNameOf(host, options),
    ALPNProtocols: ['http/1.1'],
  });
  const timer = setTimeout(() => secured.destroy(new Error('net/http: TLS handshake timeout')), HANDSHAKE_MS);
  return opened(secured, 'secureConnect', signal).finally(() => clearTimeout(timer));
}

function opened<Socket extends net.Socket>(socket: Socket, event: string, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const end = () => {
      socket.off('error', failed);
      socket.off('close', closed);
      signal?.removeEventListener('abort', aborted);
    };
    const failed = (error: Error) => {
      end();
      // Whatever else it says is not heard any more.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const closed = () => failed(new Error('EOF'));
    const aborted = () => failed(signal?.reason as Error);
    socket.once(event, () => {
      end();
      resolve(socket);
    });
    socket.on('error', failed);
    socket.on('close', closed);
    if (signal?.aborted) aborted();
    else signal?.addEventListener('abort', aborted);
  });
}

async function httpTunnel(
  socket: net.Socket,
  url: URL,
  proxy: URL,
  headers: ConnectOptions['proxyHeaders'],
): Promise<void> {
  const target = `${url.hostname}:${portOf(url)}`;
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`, 'User-Agent: Go-http-client/1.1'];
  const authorization = proxyAuthorization(proxy);
  if (authorization) lines.push(`Proxy-Authorization: ${authorization}`);
  for (const [name, values] of Object.entries(headers)) for (const value of values) lines.push(`${name}: ${value}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  const answer = await readUntil(socket, (bytes) => {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0 && bytes.length > CONNECT_ANSWER_BYTES_MAX) throw new Error('answer of the proxy is too long');
    return end < 0 ? -1 : end + 4;
  });
  const [, status, reason = ''] = /^HTTP\/1\.[01] (\d{3}) ?([^\r]*)/.exec(answer.toString('latin1')) ?? [];
  if (status === '200') return;
  socket.destroy();
  throw new Error(status ? reason || status : 'malformed answer of the proxy');
}

const SOCKS_REASONS: Readonly<Record<number, string>> = {
  1: 'general SOCKS server failure',
  2: 'connection not allowed by ruleset',
  3: 'network unreachable',
  4: 'host unreachable',
  5: 'connection refused',
  6: 'TTL expired',
  7: 'command not supported',
  8: 'address type not supported',
};

/** RFC 1928, and RFC 1929 where the proxy's address names a user; names are resolved by the proxy. */
async function socksTunnel(socket: net.Socket, url: URL, proxy: URL): Promise<void> {
  const withUser = proxy.username !== '';
  socket.write(Buffer.from(withUser ? [5, 2, 0, 2] : [5, 1, 0]));
  const [, method] = await readUntil(socket, (bytes) => (bytes.length < 2 ? -1 : 2));
  if (method === 2) await socksUser(socket, proxy);
  else if (method !== 0) throw new Error('socks connect: no acceptable authentication methods');
  const host = Buffer.from(hostOf(url));
  const port = portOf(url);
  socket.write(Buffer.concat([Buffer.from([5, 1, 0, 3, host.length]), host, Buffer.from([port >> 8, port & 255])]));
  const answer = await readUntil(socket, (bytes) => {
    if (bytes.length < 5) return -1;
    const length = 6 + ({ 1: 4, 4: 16 }[bytes[3]] ?? 1 + bytes[4]);
    return bytes.length < length ? -1 : length;
  });
  if (answer[1] !== 0) throw new Error(`socks connect: ${SOCKS_REASONS[answer[1]] ?? 'unknown code'}`);
}

async function socksUser(socket: net.Socket, proxy: URL): Promise<void> {
  const parts = [proxy.username, proxy.password].map((part) => Buffer.from(decodeURIComponent(part)));
  socket.write(Buffer.concat([Buffer.from([1]), ...parts.flatMap((part) => [Buffer.from([part.length]), part])]));
  const [, status] = await readUntil(socket, (bytes) => (bytes.length < 2 ? -1 : 2));
  if (status !== 0) throw new Error('socks connect: username/password authentication failed');
}

/** Reads until `length` says how many bytes are the answer (-1: not all there); the rest goes back to the socket. */
function readUntil(socket: net.Socket, length: (bytes: Buffer) => number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const timer = setTimeout(() => end(new Error('the proxy does not answer')), HANDSHAKE_MS);
    const end = (error: Error | null, answer?: Buffer) => {
      clearTimeout(timer);
      socket.off('readable', read).off('error', end).off('close', closed);
      if (answer) resolve(answer);
      else {
        socket.destroy();
        reject(error);
      }
    };
    const closed = () => end(new Error('EOF'));
    const read = () => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        bytes = Buffer.concat([bytes, chunk]);
        try {
          const at = length(bytes);
          if (at < 0) continue;
          if (at < bytes.length) socket.unshift(bytes.subarray(at));
          end(null, bytes.subarray(0, at));
        } catch (error) {
          end(error as Error);
        }
        return;
      }
    };
    socket.on('readable', read).on('error', end).on('close', closed);
  });
}
