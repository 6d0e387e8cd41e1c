import type { Command, Reply } from './connection.ts';
import type { RedisFamilies } from './families.ts';
import type { DatabaseKey, KeySource } from './keys.ts';
import { listOf, mapOf, numberOf, textOf } from './reply.ts';

/** Streams with their groups and consumers. One that cannot be asked about is told to `failed` and left out. */
export async function writeStreams(
  source: KeySource,
  streams: readonly DatabaseKey[],
  { withConsumers }: { readonly withConsumers: boolean },
  families: RedisFamilies,
  failed: (error: Error) => void,
): Promise<void> {
  for (const stream of streams) {
    const select: Command[] = source.isCluster ? [] : [['SELECT', stream.db]];
    const replies = await source.ask([...select, ['XINFO', 'STREAM', stream.key], ['XINFO', 'GROUPS', stream.key]]);
    const problem = replies.find((reply) => reply instanceof Error);
    if (problem) {
      failed(new Error(`stream ${stream.key}: ${problem.message}`));
      continue;
    }
    const groups = listOf(replies.at(-1)).map(mapOf);
    const labels = { db: `db${stream.db}`, stream: stream.key };
    writeStream(mapOf(replies.at(-2)), labels, families);
    const names = groups.map((group) => textOf(group.get('name')));
    const consumers = withConsumers
      ? await source.ask(names.map((name): Command => ['XINFO', 'CONSUMERS', stream.key, name]))
      : [];
    groups.forEach((group, i) => {
      writeGroup(group, { db: labels.db, group: names[i], stream: labels.stream }, families);
      for (const consumer of listOf(consumers[i]).map(mapOf)) {
        writeConsumer(consumer, { db: labels.db, group: names[i], stream: labels.stream }, families);
      }
    });
  }
}

type Fields = ReadonlyMap<string, Reply>;
type StreamLabels = { readonly db: string; readonly stream: string };
type GroupLabels = { readonly db: string; readonly group: string; readonly stream: string };

function writeStream(fields: Fields, labels: StreamLabels, families: RedisFamilies): void {
  const number = (field: string) => numberOf(fields.get(field)) ?? 0;
  const first = (field: string) => textOf(listOf(fields.get(field))[0]);
  families.gauge('stream_length', 'Entries of a stream.', number('length'), labels);
  families.gauge('stream_radix_tree_keys', 'Keys of its radix tree.', number('radix-tree-keys'), labels);
  families.gauge('stream_radix_tree_nodes', 'Nodes of its radix tree.', number('radix-tree-nodes'), labels);
  families.gauge('stream_groups', 'Consumer groups of a stream.', number('groups'), labels);
  families.counter('stream_entries_added_total', 'Entries ever added to it.', number('entries-added'), labels);
  for (const [name, help, id] of [
    ['stream_last_generated_id', 'Time of the newest id, in milliseconds.', textOf(fields.get('last-generated-id'))],
    ['stream_max_deleted_entry_id', 'Time of the newest deleted id.', textOf(fields.get('max-deleted-entry-id'))],
    ['stream_first_entry_id', 'Time of the first entry, in milliseconds.', first('first-entry')],
    ['stream_last_entry_id', 'Time of the last entry, in milliseconds.', first('last-entry')],
  ] as const) {
    families.gauge(name, help, timeOfId(id), labels);
  }
}

function writeGroup(fields: Fields, labels: GroupLabels, families: RedisFamilies): void {
  const number = (field: string) => numberOf(fields.get(field)) ?? 0;
  families.gauge('stream_group_consumers', 'Consumers of a group.', number('consumers'), labels);
  families.gauge('stream_group_messages_pending', 'Entries not acknowledged yet.', number('pending'), labels);
  const delivered = timeOfId(textOf(fields.get('last-delivered-id')));
  families.gauge('stream_group_last_delivered_id', 'Time of the last delivered id.', delivered, labels);
  families.gauge('stream_group_entries_read', 'Entries ever read by a group.', number('entries-read'), labels);
  families.gauge('stream_group_lag', 'Entries not delivered yet.', number('lag'), labels);
}

function writeConsumer(fields: Fields, group: GroupLabels, families: RedisFamilies): void {
  const number = (field: string) => numberOf(fields.get(field)) ?? 0;
  const labels = { consumer: textOf(fields.get('name')), ...group };
  const pending = number('pending');
  families.gauge('stream_group_consumer_messages_pending', 'Entries a consumer has not acknowledged.', pending, labels);
  families.gauge(
    'stream_group_consumer_idle_seconds',
    'Seconds since a consumer was heard.',
    number('idle') / 1000,
    labels,
  );
}

/** The milliseconds of an id such as `1526919030474-55`; 0 where there is none. */
function timeOfId(id: string): number {
  return Number(/^\d+/.exec(id)?.[0] ?? 0);
}
