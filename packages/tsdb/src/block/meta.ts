import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isUlid } from '@avalanche/model';
import { crc32c } from '../crc32c.ts';
import { replaceFile } from './durable.ts';

export interface BlockStats {
  readonly numSamples: number;
  readonly numFloatSamples?: number;
  readonly numHistogramSamples?: number;
  readonly numSeries: number;
  readonly numChunks: number;
  readonly numTombstones: number;
}

export interface BlockDescription {
  readonly ulid: string;
  readonly minTime: number;
  readonly maxTime: number;
}

export interface BlockCompaction {
  readonly level: number;
  /** The level 1 blocks whose samples this block holds. */
  readonly sources: readonly string[];
  /** The blocks it was made from directly. */
  readonly parents?: readonly BlockDescription[];
  /** The compaction left no sample: the block is to be deleted. */
  readonly deletable?: boolean;
  readonly failed?: boolean;
  readonly hints?: readonly string[];
}

/** `meta.json` of a block, version 1. Keys that we do not know are kept. */
export interface BlockMeta extends BlockDescription {
  /** The time range in milliseconds: minTime ≤ t < maxTime. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly stats: BlockStats;
  readonly compaction: BlockCompaction;
  readonly version: 1;
}

/** `meta.json` is missing, cannot be understood, or is of a version that we do not know. */
export class InvalidMeta extends Error {
  override readonly name = 'InvalidMeta';
  readonly code = 'INVALID_META';
}

/** `meta.json` is of a later version than this engine knows: whoever wrote it must be asked. */
export class NewerFormat extends Error {
  override readonly name = 'NewerFormat';
  readonly code = 'NEWER_FORMAT';
}

export const META_FILE = 'meta.json';

/** Where our own checksum lies: upstream passes over keys that it does not know, and drops this when it rewrites the file. */
const OURS = 'avalanche';

type Json = Record<string, unknown>;

/** Reads and checks the `meta.json` of a block directory. @throws InvalidMeta with the file and the key, NewerFormat */
export function readMeta(directory: string): BlockMeta {
  const file = join(directory, META_FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new InvalidMeta(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
  return parseMeta(text, file);
}

/** Writes `meta.json` in upstream's form; a crash leaves the old or the new one. */
export function writeMeta(directory: string, meta: BlockMeta): void {
  replaceFile(join(directory, META_FILE), Buffer.from(formatMeta(meta)));
}

/** The text of a `meta.json`: tabs, keys in upstream's order, what is zero or empty left out, as Go writes it. */
export function formatMeta(meta: BlockMeta): string {
  const { ulid, minTime, maxTime, stats, compaction, version, ...rest } = meta;
  const {
    numSamples,
    numFloatSamples,
    numHistogramSamples,
    numSeries,
    numChunks,
    numTombstones,
    ...moreStats
  }: BlockStats & Json = { ...stats };
  const { level, sources, deletable, parents, failed, hints, ...moreCompaction }: BlockCompaction & Json = {
    ...compaction,
  };
  const document = {
    ulid,
    minTime,
    maxTime,
    stats: filled({
      numSamples,
      numFloatSamples,
      numHistogramSamples,
      numSeries,
      numChunks,
      numTombstones,
      ...moreStats,
    }),
    compaction: { level, ...filled({ sources, deletable, parents, failed, hints, ...moreCompaction }) },
    version,
    ...rest,
  };
  delete (document as Json)[OURS];
  return JSON.stringify({ ...document, [OURS]: { crc32c: checksum(document) } }, null, '\t');
}

function checksum(document: Json): string {
  return crc32c(Buffer.from(JSON.stringify(document)))
    .toString(16)
    .padStart(8, '0');
}

function filled(object: Json): Json {
  const empty = (value: unknown) => !value || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(object).filter(([, value]) => !empty(value)));
}

/** @throws InvalidMeta naming `file` and the key */
export function parseMeta(text: string, file: string): BlockMeta {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new InvalidMeta(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  const check = new Checker(file);
  const root = check.object(document, 'the document');
  const { [OURS]: ours, ...content } = root;
  if (ours !== undefined && (ours as Json | null)?.crc32c !== checksum(content)) {
    throw check.wrong(`${OURS}.crc32c`, 'is not the checksum of the rest');
  }
  if (Number.isInteger(root.version) && (root.version as number) > 1) {
    throw new NewerFormat(`${file}: version ${root.version} is newer than what is known here, which is 1`);
  }
  if (root.version !== 1) throw check.wrong('version', `must be 1, is ${JSON.stringify(root.version)}`);
  const description = check.description(root, '');
  if (description.minTime > description.maxTime) throw check.wrong('minTime', 'is after maxTime');
  const stats = check.object(root.stats ?? {}, 'stats');
  const compaction = check.object(root.compaction, 'compaction');
  return {
    ...root,
    ...description,
    stats: check.stats(stats),
    compaction: check.compaction(compaction),
    version: 1,
  };
}

class Checker {
  constructor(private readonly file: string) {}

  wrong(key: string, what: string): InvalidMeta {
    return new InvalidMeta(`${this.file}: ${key} ${what}`);
  }

  object(value: unknown, key: string): Json {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.wrong(key, 'must be an object');
    return value as Json;
  }

  description(value: Json, prefix: string): BlockDescription {
    return {
      ulid: this.ulid(value.ulid, `${prefix}ulid`),
      minTime: this.time(value.minTime, `${prefix}minTime`),
      maxTime: this.time(value.maxTime, `${prefix}maxTime`),
    };
  }

  stats(value: Json): BlockStats {
    const known = ['numSamples', 'numSeries', 'numChunks', 'numTombstones'] as const;
    for (const key of [...known, 'numFloatSamples', 'numHistogramSamples']) this.count(value[key] ?? 0, `stats.${key}`);
    return { numSamples: 0, numSeries: 0, numChunks: 0, numTombstones: 0, ...value };
  }

  compaction(value: Json): BlockCompaction {
    for (const key of ['deletable', 'failed']) {
      const flag = value[key] ?? false;
      if (typeof flag !== 'boolean') throw this.wrong(`compaction.${key}`, 'must be true or false');
    }
    const hints = this.list(value.hints ?? [], 'compaction.hints');
    if (!hints.every((hint) => typeof hint === 'string')) throw this.wrong('compaction.hints', 'must hold strings');
    const parents = this.list(value.parents ?? [], 'compaction.parents');
    for (const [i, parent] of parents.entries()) {
      const key = `compaction.parents[${i}]`;
      this.description(this.object(parent, key), `${key}.`);
    }
    const sources = this.list(value.sources ?? [], 'compaction.sources');
    return {
      ...value,
      level: this.count(value.level, 'compaction.level'),
      sources: sources.map((source, i) => this.ulid(source, `compaction.sources[${i}]`)),
    };
  }

  private list(value: unknown, key: string): unknown[] {
    if (!Array.isArray(value)) throw this.wrong(key, 'must be a list');
    return value;
  }

  private ulid(value: unknown, key: string): string {
    if (typeof value !== 'string' || !isUlid(value)) throw this.wrong(key, `is not a ULID: ${JSON.stringify(value)}`);
    return value;
  }

  private time(value: unknown, key: string): number {
    if (!Number.isSafeInteger(value)) throw this.wrong(key, 'must be an integer number of milliseconds');
    return value as number;
  }

  private count(value: unknown, key: string): number {
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw this.wrong(key, 'must be a count');
    return value as number;
  }
}
