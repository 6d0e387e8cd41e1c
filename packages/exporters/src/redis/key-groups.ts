import type { Asker } from './connection.ts';
import type { RedisFamilies } from './families.ts';
import { ScanLimitError, type ScanLimits } from './keys.ts';
import { listOf, numberOf, textOf } from './reply.ts';

interface Group {
  readonly name: string;
  count: number;
  bytes: number;
}

/**
 * Runs on the server: one batch of SCAN, its keys put into groups by the first Lua pattern that fits (the captures of the pattern
 * are the group's name), with their number and memory.
 */
const SCRIPT = `
local batch = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local counts, bytes, names = {}, {}, {}
for _, key in ipairs(batch[2]) do
  local group = 'unclassified'
  for i = 3, #ARGV do
    local found = { string.find(key, ARGV[i]) }
    if found[1] then
      group = table.concat(found, '', 3)
      break
    end
  end
  if not counts[group] then
    counts[group], bytes[group] = 0, 0
    names[#names + 1] = group
  end
  local usage = redis.pcall('MEMORY', 'USAGE', key)
  counts[group] = counts[group] + 1
  if type(usage) == 'number' then bytes[group] = bytes[group] + usage end
end
local result = {}
for i, name in ipairs(names) do result[i] = { name, counts[name], bytes[name] } end
return { batch[1], result }`;

/** The fields of one line of CSV, without the empty ones. */
export function parseCsvLine(text: string): string[] {
  const fields = text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*?))\s*(?:,|$)/g);
  return [...fields]
    .map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '')
    .filter((field) => field !== '');
}

/**
 * Keys by group, for each database: the groups with most memory, and the others together as `overflow`. Without patterns, only
 * the time that it took is told.
 */
export async function writeKeyGroups(
  asker: Asker,
  patterns: readonly string[],
  { databases, maxGroups, ...limits }: ScanLimits & { readonly databases: number; readonly maxGroups: number },
  families: RedisFamilies,
  failed: (error: Error) => void,
): Promise<void> {
  const begin = performance.now();
  for (let db = 0; db < databases && patterns.length > 0; db++) {
    try {
      const groups = await groupsOf(asker, db, patterns, limits);
      writeDatabase(`db${db}`, groups, maxGroups, families);
    } catch (error) {
      failed(error as Error);
      if (error instanceof ScanLimitError) break;
    }
  }
  families.gauge(
    'last_key_groups_scrape_duration_milliseconds',
    'How long grouping the keys took.',
    Math.round(performance.now() - begin),
  );
}

/** @throws ScanLimitError, and the server's error */
async function groupsOf(asker: Asker, db: number, patterns: readonly string[], limits: ScanLimits): Promise<Group[]> {
  const groups = new Map<string, Group>();
  let cursor = '0';
  let visited = 0;
  do {
    const replies = await asker.ask([
      ['SELECT', db],
      ['EVAL', SCRIPT, 0, cursor, limits.batchSize, ...patterns],
    ]);
    const problem = replies.find((reply) => reply instanceof Error);
    if (problem) throw problem;
    const [next, found] = listOf(replies[1]);
    for (const [name, count, bytes] of listOf(found).map(listOf)) {
      const key = textOf(name);
      const group = groups.get(key) ?? { name: key, count: 0, bytes: 0 };
      group.count += numberOf(count) ?? 0;
      group.bytes += numberOf(bytes) ?? 0;
      groups.set(key, group);
    }
    cursor = textOf(next);
    visited += limits.batchSize;
    if (cursor !== '0' && (performance.now() > limits.deadline || visited >= limits.maxScannedKeys)) {
      throw new ScanLimitError(`not all keys of database ${db} could be walked through`);
    }
  } while (cursor !== '0' && cursor !== '');
  return [...groups.values()];
}

function writeDatabase(db: string, groups: readonly Group[], maxGroups: number, families: RedisFamilies): void {
  const sorted = [...groups].sort((a, b) => b.bytes - a.bytes || a.count - b.count || (a.name < b.name ? -1 : 1));
  const told = sorted.slice(0, maxGroups);
  const others = sorted.slice(maxGroups);
  if (others.length > 0) {
    const sum = (of: (group: Group) => number) => others.reduce((total, group) => total + of(group), 0);
    told.push({ name: 'overflow', count: sum(({ count }) => count), bytes: sum(({ bytes }) => bytes) });
  }
  for (const { name, count, bytes } of told) {
    families.gauge('key_group_count', 'Keys of a group.', count, { db, key_group: name });
    families.gauge('key_group_memory_usage_bytes', 'Memory that the keys of a group take.', bytes, {
      db,
      key_group: name,
    });
  }
  families.gauge('number_of_distinct_key_groups', 'Groups of keys.', groups.length, { db });
}
