import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Notifications } from '../notifications/notifications.ts';

/** `GET /api/v1/notifications/live`: server-sent events until the client goes away; 204 where too many listen. */
export function liveNotifications(
  notifications: Notifications,
  { raw: { socket } }: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const head = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', connection: 'keep-alive' };
  const before: string[] = [];
  let write = (event: string): void => void before.push(event);
  const end = notifications.listen((notification) => write(`data: ${JSON.stringify(notification)}\n\n`));
  if (!end) return reply.code(204).headers(head).send();
  reply.hijack();
  const { raw } = reply;
  socket.setTimeout(0);
  raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), ...head });
  raw.flushHeaders();
  write = (event) => void raw.write(event);
  for (const event of before) write(event);
  raw.once('close', end);
  return reply;
}
