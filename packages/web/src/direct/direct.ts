import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { DirectConnection } from './connection.ts';
import type { DirectRoutes } from './routes.ts';

/** How long a connection may be idle where the server says nothing of it: Node's limit on a request's headers. */
const IDLE_MS = 60_000;

type Listener = (socket: Socket) => void;

/**
 * Answers plain GETs of `routes` without Node's HTTP and Fastify, which take several times as long as a small query does.
 * A connection that asks for anything else, be it a POST, another path or a header of consequence, is handed to them, with
 * what it has sent, and stays theirs. Hooks of `app` do not see what is answered here, so servers with users, TLS or
 * headers of their own do without.
 */
export function answerDirectly(app: FastifyInstance, routes: DirectRoutes): void {
  const server = app.server as Server;
  const [toNode] = server.listeners('connection') as Listener[];
  const open = new Set<DirectConnection>();
  server.off('connection', toNode);
  let closing = false;
  server.on('connection', (socket: Socket) => {
    if (closing) {
      toNode.call(server, socket);
      return;
    }
    const connection: DirectConnection = new DirectConnection(socket, routes, {
      idleMs: server.keepAliveTimeout || IDLE_MS,
      handOver: () => toNode.call(server, socket),
      left: () => open.delete(connection),
    });
    open.add(connection);
  });
  app.addHook('preClose', async () => {
    closing = true; // who comes now is Node's to close
    for (const connection of open) connection.close();
  });
}
