import { nextTurn } from '../base/collector.ts';
import type { Asker, Command, Reply } from './connection.ts';
import type { RedisFamilies } from './families.ts';
import type { RedisScrapeOptions } from './options.ts';
import { listOf, numberOf, textOf } from './reply.ts';

/** A key, or a pattern of keys, in a database. */
export interface DatabaseKey {
  readonly db: number;
  readonly key: string;
}

/** What walking through keys may cost. */
export interface ScanLimits {
  readonly batchSize: number;
  readonly maxScannedKeys: number;
  /** In milliseconds of `performance.now()`. */
  readonly deadline: number;
}

/** What keys are asked of. */
export interface KeySource extends Asker {
  /** What is walked through: the nodes of a cluster, or the server itself. */
  readonly scanned: readonly Asker[];
  readonly isCluster: boolean;
}

/** Keys of patterns that are told at most, as each is a series. */
const MAX_KEYS = 20_000;
/** Keys that are asked about in one go. */
const CHUNK = 500;
/** Characters of a value that go into a label; a longer one is left out. */
const MAX_VALUE_CHARS = 1024;

/**
 * Reads a list such as `db0=jobs:*,db3=queue,plain`, percent-encoded where a name has a comma or an equals sign.
 * @throws Error in the original's words
 */
export function parseKeys(text: string): DatabaseKey[] {
  const keys: DatabaseKey[] = [];
  for (const item of text.split(',')) {
    if (item === '') continue;
    const parts = item.split('=');
    if (parts.length > 2) throw new Error(`invalid key list argument: ${item}`);
    const db = parts.length === 2 ? parts[0].trim().replaceAll('db', '') : '0';
    let key: string;
    try {
      key = decodeURIComponent((parts.at(-1) ?? '').trim().replaceAll('+', ' '));
    } catch {
      throw new Error(`couldn't parse db/key string: ${item}`);
    }
    if (db === '' || key === '') continue;
    if (!/^\d+$/.test(db)) throw new Error(`invalid database index for db "${db}"`);
    keys.push({ db: Number(db), key });
  }
  return keys;
}

/** A walk was cut short: what was found is not all. */
export class ScanLimitError extends Error {
  override readonly name = 'ScanLimitError';
}

/**
 * Walks through the keys of a database with SCAN, a batch at a time.
 * @throws ScanLimitError where it takes too long or passes too many keys
 */
async function scan(
  source: KeySource,
  { db, key: pattern }: DatabaseKey,
  limits: ScanLimits,
  each: (keys: readonly Reply[]) => void,
): Promise<void> {
  let visited = 0;
  for (const asker of source.scanned) {
    let cursor = '0';
    do {
      const scanning: Command = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', limits.batchSize];
      const replies = await asker.ask(source.isCluster ? [scanning] : [['SELECT', db], scanning]);
      const failed = replies.find((reply) => reply instanceof Error);
      if (failed) throw failed;
      const [next, keys] = listOf(replies.at(-1));
      each(listOf(keys));
      cursor = textOf(next);
      visited += limits.batchSize;
      const isLate = performance.now() > limits.deadline;
      if (cursor !== '0' && (isLate || visited >= limits.maxScannedKeys)) {
        throw new ScanLimitError(
          isLate
            ? `no time was left for all keys of ${pattern}`
            : `${pattern}: more than ${limits.maxScannedKeys} keys`,
        );
      }
    } while (cursor !== '0' && cursor !== '');
  }
}

/** The keys that patterns stand for; what is no pattern stands for itself. Of too many, the first are told. */
export async function expand(
  source: KeySource,
  patterns: readonly DatabaseKey[],
  limits: ScanLimits,
  failed: (error: Error) => void,
): Promise<DatabaseKey[]> {
  const found = new Map<string, DatabaseKey>();
  const add = (db: number, key: string) => {
    if (found.size < MAX_KEYS) found.set(`${db} ${key}`, { db, key });
  };
  for (const pattern of patterns) {
    if (!/[?*[\]^]/.test(pattern.key)) {
      add(pattern.db, pattern.key);
      continue;
    }
    try {
      await scan(source, pattern, limits, (keys) => {
        for (const key of keys) add(pattern.db, textOf(key));
      });
    } catch (error) {
      failed(error as Error);
    }
  }
  if (found.size >= MAX_KEYS) failed(new Error(`more than ${MAX_KEYS} keys; the others are left out`));
  return [...found.values()];
}

/** `--count-keys`: how many keys a pattern fits. A count that is not complete is not told. */
export async function writeKeyCounts(
  source: KeySource,
  patterns: readonly DatabaseKey[],
  limits: ScanLimits,
  families: RedisFamilies,
  failed: (error: Error) => void,
): Promise<void> {
  for (const pattern of patterns) {
    let count = 0;
    try {
      await scan(source, pattern, limits, (keys) => {
        count += keys.length;
      });
      families.gauge('keys_count', 'Keys that fit a pattern.', count, { db: `db${pattern.db}`, key: pattern.key });
    } catch (error) {
      failed(error as Error);
    }
  }
}

const SIZE_COMMANDS: Readonly<Record<string, string>> = {
  string: 'STRLEN',
  list: 'LLEN',
  set: 'SCARD',
  zset: 'ZCARD',
  hash: 'HLEN',
  stream: 'XLEN',
  array: 'ARCOUNT', // Redis 8.8
};

const SIZE_HELP = 'Length or size of a key; 0 of one that is not there, such as an empty list.';

/** `--check-keys` and `--check-single-keys`: size, memory and value of keys. */
export async function writeKeys(
  source: KeySource,
  keys: readonly DatabaseKey[],
  options: Pick<RedisScrapeOptions, 'disableExportingKeyValues'>,
  families: RedisFamilies,
): Promise<void> {
  const byDatabase = new Map<number, string[]>();
  for (const { db, key } of keys) {
    const others = byDatabase.get(db);
    if (others) others.push(key);
    else byDatabase.set(db, [key]);
  }
  for (const [db, all] of byDatabase) {
    if (!source.isCluster) await source.ask([['SELECT', db]]);
    for (let i = 0; i < all.length; i += CHUNK) {
      await writeChunk(source, source.isCluster ? 0 : db, all.slice(i, i + CHUNK), options, families);
      await nextTurn();
    }
  }
}

async function writeChunk(
  source: KeySource,
  db: number,
  keys: readonly string[],
  { disableExportingKeyValues }: Pick<RedisScrapeOptions, 'disableExportingKeyValues'>,
  families: RedisFamilies,
): Promise<void> {
  const types = await source.ask(
    keys.flatMap((key): Command[] => [
      ['TYPE', key],
      ['MEMORY', 'USAGE', key],
    ]),
  );
  const known = keys.flatMap((key, i) => {
    const type = textOf(types[2 * i]);
    if (type === 'none') families.gauge('key_size', SIZE_HELP, 0, { db: `db${db}`, key });
    const command = Object.hasOwn(SIZE_COMMANDS, type) ? SIZE_COMMANDS[type] : undefined;
    return command === undefined ? [] : [{ key, command, memory: numberOf(types[2 * i + 1]) }];
  });
  const last = MAX_VALUE_CHARS - 1;
  const answers = await source.ask(
    known.flatMap(({ key, command }): Command[] => [
      [command, key],
      command === 'STRLEN' ? ['GETRANGE', key, 0, last] : ['EXISTS', key],
    ]),
  );
  const logs = known.flatMap(({ key }, i) => (isHyperLogLog(answers[2 * i + 1]) ? [key] : []));
  const counts = await source.ask(logs.map((key): Command => ['PFCOUNT', key]));
  known.forEach(({ key, command, memory }, i) => {
    const labels = { db: `db${db}`, key };
    if (memory !== null) families.gauge('key_memory_usage_bytes', 'Memory that a key takes.', memory, labels);
    const [length, value] = [numberOf(answers[2 * i]), answers[2 * i + 1]];
    const isLog = command === 'STRLEN' && isHyperLogLog(value);
    const size = isLog ? numberOf(counts[logs.indexOf(key)]) : length;
    if (size === null) return;
    families.gauge('key_size', SIZE_HELP, size, labels);
    if (command !== 'STRLEN' || isLog || disableExportingKeyValues || size > MAX_VALUE_CHARS) return;
    writeValue(textOf(value), labels, families);
  });
}

/** How the bytes of a HyperLogLog begin. Asking PFCOUNT of any string would be an error that the server counts. */
function isHyperLogLog(value: Reply): boolean {
  return typeof value === 'string' && value.startsWith('HYLL');
}

function writeValue(
  value: string,
  labels: { readonly db: string; readonly key: string },
  families: RedisFamilies,
): void {
  if (value === '') return;
  const number = numberOf(value);
  if (number !== null) families.gauge('key_value', 'Value of a key that is a number.', number, labels);
  else families.gauge('key_value_as_string', 'Constantly 1, with the value of a key.', 1, { ...labels, val: value });
}
