import type { RedisFamilies } from './families.ts';

const NUMBERS = [
  ['omem', 'output_buffer_memory_usage_bytes', 'Memory of its output buffers.'],
  ['tot-mem', 'total_memory_consumed_bytes', 'Memory that it takes.'],
  ['sub', 'channel_subscriptions_count', 'Channels it listens to.'],
  ['psub', 'pattern_matching_subscriptions_count', 'Patterns of channels it listens to.'],
  ['qbuf', 'query_buffer_length_bytes', 'Length of its query buffer.'],
  ['qbuf-free', 'query_buffer_free_space_bytes', 'Free space of its query buffer.'],
  ['obl', 'output_buffer_length_bytes', 'Length of its output buffer.'],
  ['oll', 'output_list_length', 'Replies that wait to be sent.'],
] as const;
/** Of newer servers; left out where they are not there. */
const OPTIONAL = [
  ['ssub', 'shard_channel_subscriptions_count', 'Shard channels it listens to.'], // Redis 7.0.3
  ['watch', 'shard_channel_watched_keys', 'Keys it watches.'], // Redis 7.4
] as const;

/** The answer to CLIENT LIST: a line for each connection, as families with the connection's id. */
export function writeClients(
  text: string,
  { now, withPort }: { readonly now: number; readonly withPort: boolean },
  families: RedisFamilies,
): void {
  for (const line of text.split('\n')) {
    if (!/^id=\d+ addr=\S+/.test(line)) continue;
    writeClient(new Map(line.split(' ').map(pairOf)), { now: Math.floor(now), withPort }, families);
  }
}

function pairOf(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function writeClient(
  fields: ReadonlyMap<string, string>,
  { now, withPort }: { readonly now: number; readonly withPort: boolean },
  families: RedisFamilies,
): void {
  const text = (name: string) => fields.get(name) ?? '';
  const colon = text('addr').lastIndexOf(':');
  const more = {
    ...(withPort ? { port: text('addr').slice(colon + 1) } : {}),
    ...(text('resp') === '' ? {} : { resp: text('resp') }),
    ...(text('user') === '' ? {} : { user: text('user') }),
  };
  const own = { id: text('id'), name: text('name') };
  families.gauge('connected_client_info', 'Constantly 1, with a connection in labels.', 1, {
    db: text('db'),
    flags: text('flags'),
    host: text('addr').slice(0, colon),
    ...own,
    ...more,
  });
  const gauge = (name: string, help: string, value: number) =>
    families.gauge(`connected_client_${name}`, help, value, own);
  gauge('created_at_timestamp', 'When it connected, in seconds since the epoch.', now - Number(text('age')));
  gauge('idle_since_timestamp', 'When it was last heard, in seconds since the epoch.', now - Number(text('idle')));
  for (const [field, name, help] of NUMBERS) gauge(name, help, Number(text(field)) || 0);
  for (const [field, name, help] of OPTIONAL) if (fields.has(field)) gauge(name, help, Number(text(field)) || 0);
}
