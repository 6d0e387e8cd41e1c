import { readdirSync, type Stats } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ENTRY_END,
  ENTRY_HELP,
  ENTRY_SAMPLE,
  ENTRY_TYPE,
  ExpositionParser,
  type FamilyType,
  type FamilyWriter,
  renderLabels,
} from '@avalanche/exposition';
import { METRIC_NAME } from '@avalanche/model';
import { nextTurn } from '../base/collector.ts';
import type { NodeCollector, NodeContext } from './collector.ts';

/** A file of metrics that is larger is a mistake. */
const BYTES_MAX = 64 * 1024 * 1024;
const ENTRIES_PER_TURN = 2_000;

interface TextFamily {
  type: FamilyType;
  help: string | undefined;
  /** Labels as text by suffix of the name, with the value. */
  readonly samples: { readonly suffix: string; readonly labels: string; readonly value: number }[];
}

type TextFamilies = ReadonlyMap<string, TextFamily>;

/** What a file held when it was read last, or why it could not be. */
interface ReadFile {
  /** Changes with the file. */
  readonly stamp: string;
  readonly mtimeMs: number;
  readonly families: TextFamilies;
  readonly problem: string | null;
}

/** Families from the files `*.prom` of directories. A broken file is told by name and takes no other down. */
export const textfile: NodeCollector = {
  isDefault: true,
  flags: {
    'textfile.directory': {
      kind: 'list',
      help: 'Directory of *.prom files; globs are followed, repeatable.',
      default: '',
    },
  },
  create(context) {
    const files = new TextFiles(context);
    return (families) => files.collect(families);
  },
};

class TextFiles {
  private readonly patterns: readonly string[];
  private readonly read = new Map<string, ReadFile>();
  private readonly told = new Map<string, string>();
  private readonly logger: NodeContext['logger'];

  constructor(context: NodeContext) {
    this.patterns = context.flags('textfile.directory').filter((pattern) => pattern !== '');
    this.logger = context.logger;
  }

  async collect(into: FamilyWriter): Promise<void> {
    const merged = new Merged();
    const problems = new Map<string, string>();
    const mtimes = into.gauge('node_textfile_mtime_seconds', 'When a file was written, in seconds since the epoch.');
    for (const directory of this.patterns.flatMap(expandGlob)) {
      const names = await readdir(directory).catch((error: Error) => {
        problems.set(directory, error.message);
        return [];
      });
      for (const name of names.filter((file) => file.endsWith('.prom')).sort()) {
        const path = join(directory, name);
        const file = await this.file(path);
        const problem = file.problem ?? merged.add(path, file.families);
        if (problem !== null) problems.set(path, problem);
        if (file.problem === null) mtimes.add(Math.floor(file.mtimeMs / 1000), { file: path });
      }
    }
    merged.write(into);
    this.tell(problems);
    into
      .gauge('node_textfile_scrape_error', 'Whether a file or directory could not be read.')
      .add(problems.size > 0 ? 1 : 0);
    if (this.read.size > 10_000) this.read.clear();
  }

  /** A file that has not changed since it was read is not read again. */
  private async file(path: string): Promise<ReadFile> {
    let stamp = '';
    try {
      const handle = await open(path, 'r');
      try {
        const stats = await handle.stat();
        stamp = stampOf(stats);
        const before = this.read.get(path);
        if (before?.stamp === stamp) return before;
        if (!stats.isFile()) throw new Error('not a file');
        if (stats.size > BYTES_MAX) throw new Error(`larger than ${BYTES_MAX} bytes`);
        const families = await parseFamilies(await handle.readFile());
        const read = { stamp, mtimeMs: stats.mtimeMs, families, problem: null };
        this.read.set(path, read);
        return read;
      } finally {
        await handle.close();
      }
    } catch (error) {
      const failed = { stamp, mtimeMs: 0, families: new Map(), problem: (error as Error).message };
      if (stamp !== '') this.read.set(path, failed);
      return failed;
    }
  }

  /** Each problem once, and its end. */
  private tell(problems: ReadonlyMap<string, string>): void {
    for (const [path, problem] of problems) {
      if (this.told.get(path) !== problem) this.logger.error('Failed to collect textfile data', { path, problem });
      this.told.set(path, problem);
    }
    for (const path of this.told.keys()) {
      if (problems.has(path)) continue;
      this.told.delete(path);
      this.logger.info('Textfile data can be read again', { path });
    }
  }
}

function stampOf({ mtimeMs, size, ino }: Stats): string {
  return `${mtimeMs} ${size} ${ino}`;
}

/** The families of one file. @throws in words that name the line, and where there are timestamps */
async function parseFamilies(body: Uint8Array): Promise<TextFamilies> {
  if (body.length > 0 && body.at(-1) !== 0x0a) throw new Error('the last line has no line feed');
  const parser = new ExpositionParser(body, 'text');
  const families = new Map<string, TextFamily>();
  const familyOf = (name: string): TextFamily => {
    let family = families.get(name);
    if (!family) {
      family = { type: 'untyped', help: undefined, samples: [] };
      families.set(name, family);
    }
    return family;
  };
  const typed = new Set<string>();
  let done = 0;
  for (let entry = parser.next(); entry !== ENTRY_END; entry = parser.next()) {
    if (++done % ENTRIES_PER_TURN === 0) await nextTurn();
    if (entry === ENTRY_HELP) {
      const family = familyOf(parser.metric);
      if (family.help !== undefined) throw new Error(`second HELP line for metric name "${parser.metric}"`);
      family.help = parser.text;
    } else if (entry === ENTRY_TYPE) {
      const family = familyOf(parser.metric);
      if (typed.has(parser.metric) || family.samples.length > 0) {
        throw new Error(`second TYPE line for metric name "${parser.metric}", or TYPE reported after samples`);
      }
      typed.add(parser.metric);
      family.type = typeOf(parser.text, parser.metric);
    } else if (entry === ENTRY_SAMPLE) {
      if (parser.hasTimestamp) throw new Error('contains unsupported client-side timestamps, skipping entire file');
      const labels = new Map(parser.seriesMap());
      const name = labels.get(METRIC_NAME) ?? '';
      labels.delete(METRIC_NAME);
      const family = familyNameOf(name, families);
      familyOf(family).samples.push({
        suffix: name.slice(family.length),
        labels: renderLabels(Object.fromEntries([...labels].filter(([, value]) => value !== '').sort(byName))),
        value: parser.value,
      });
    }
  }
  return families;
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}

function typeOf(text: string, name: string): FamilyType {
  if (text === 'counter' || text === 'gauge' || text === 'histogram' || text === 'summary') return text;
  if (text === 'untyped' || text === 'unknown') return 'untyped';
  throw new Error(`unknown metric type "${text}" of "${name}"`);
}

/** The family of a sample: its name, less `_bucket`, `_sum` or `_count` where that is a histogram or summary. */
function familyNameOf(name: string, families: TextFamilies): string {
  const [, base = '', suffix = ''] = /^(.+)(_bucket|_sum|_count)$/.exec(name) ?? [];
  const type = families.get(base)?.type;
  return type === 'histogram' || (type === 'summary' && suffix !== '_bucket') ? base : name;
}

/** The families of several files; the first file that has a family decides its type and help. */
class Merged {
  private readonly families = new Map<string, TextFamily & { readonly files: string[] }>();
  private readonly series = new Set<string>();

  /** Says what of a file is left out, if anything is. */
  add(path: string, families: TextFamilies): string | null {
    let problem: string | null = null;
    for (const [name, { type, help, samples }] of families) {
      if (samples.length === 0) continue;
      const own = this.families.get(name);
      if (own && own.type !== type) {
        problem = `family ${name} is a ${own.type} in ${own.files[0]} and a ${type} here`;
        continue;
      }
      if (own && help !== undefined && own.help !== undefined && own.help !== help) {
        problem = `inconsistent metric help text of ${name}, which is in ${own.files[0]} as well`;
        continue;
      }
      const family = own ?? { type, help, samples: [], files: [] };
      family.files.push(path);
      family.help ??= help;
      this.families.set(name, family);
      for (const sample of samples) {
        const series = `${name}${sample.suffix}${sample.labels}`;
        if (this.series.has(series)) problem = `series ${series} is there twice`;
        else family.samples.push(sample);
        this.series.add(series);
      }
    }
    return problem;
  }

  write(into: FamilyWriter): void {
    for (const [name, { type, help, samples, files }] of this.families) {
      const sink = into.family(name, type, help ?? `Metric read from ${files.join(', ')}`);
      for (const { suffix, labels, value } of samples) sink.addRendered(value, labels, suffix);
    }
  }
}

/** The directories that a pattern names, as Go's filepath.Glob; the pattern itself where it names none. */
function expandGlob(pattern: string): string[] {
  let found = [pattern.startsWith('/') ? '/' : '.'];
  for (const part of pattern.split('/').filter((segment) => segment !== '')) {
    found = /[*?[]/.test(part)
      ? found.flatMap((directory) => namesLike(directory, part).map((name) => join(directory, name)))
      : found.map((directory) => join(directory, part));
  }
  return found.length === 0 || !/[*?[]/.test(pattern) ? [pattern] : found;
}

function namesLike(directory: string, part: string): string[] {
  const source = part
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  try {
    const pattern = new RegExp(`^${source}$`);
    return readdirSync(directory)
      .filter((name) => pattern.test(name))
      .sort();
  } catch {
    return [];
  }
}
