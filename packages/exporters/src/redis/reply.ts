import type { Reply } from './connection.ts';

/** A text, or '' where the answer is none. */
export function textOf(reply: Reply | undefined): string {
  return typeof reply === 'string' ? reply : typeof reply === 'number' ? String(reply) : '';
}

/** A number, or null where the answer is none. */
export function numberOf(reply: Reply | undefined): number | null {
  if (typeof reply === 'number') return reply;
  if (typeof reply !== 'string' || reply.trim() === '') return null;
  const value = Number(reply);
  return Number.isNaN(value) ? null : value;
}

export function listOf(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : [];
}

/** Names and values in turn, as a map; the values as they are. */
export function mapOf(reply: Reply | undefined): Map<string, Reply> {
  const list = listOf(reply);
  const map = new Map<string, Reply>();
  for (let i = 0; i + 1 < list.length; i += 2) map.set(textOf(list[i]), list[i + 1]);
  return map;
}

/** The same with texts as values. */
export function textMapOf(reply: Reply | undefined): Map<string, string> {
  const list = listOf(reply);
  const map = new Map<string, string>();
  for (let i = 0; i + 1 < list.length; i += 2) map.set(textOf(list[i]), textOf(list[i + 1]));
  return map;
}
