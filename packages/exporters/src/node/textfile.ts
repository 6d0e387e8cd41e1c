import { readdirSync, type Stats } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  dividerOf,
  type FamilyMetric,
  type FamilyType,
  type FamilyWriter,
  type MetricFamily,
  parseTextFamilies,
  renderLabels,
} from '@avalanche/exposition';
import { formatG } from '@avalanche/model';
import type { NodeCollector, NodeContext } from './collector.ts';

/** A file of metrics that is larger is a mistake, and would hold up everything else while it is read. */
const BYTES_MAX = 4 * 1024 * 1024;

interface TextFamily {
  type: FamilyType;
  help: string | undefined;
  readonly samples: Sample[];
}

interface Sample {
  readonly suffix: string;
  readonly labels: string;
  readonly value: number;
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
        const families = parseFamilies(await handle.readFile('utf8'));
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

/** The families of one file. @throws in the words of upstream's parser, and where there are timestamps */
function parseFamilies(text: string): TextFamilies {
  const families = new Map<string, TextFamily>();
  for (const family of parseTextFamilies(text, 'legacy')) {
    if (family.metrics.some(({ timeMs }) => timeMs !== 0)) {
      throw new Error('contains unsupported client-side timestamps, skipping entire file');
    }
    const type = TYPES[family.type ?? 'UNTYPED'];
    families.set(family.name, {
      type,
      help: family.help ?? undefined,
      samples: family.metrics.flatMap(samplesOf(family)),
    });
  }
  return families;
}

const TYPES: Readonly<Record<NonNullable<MetricFamily['type']>, FamilyType>> = {
  COUNTER: 'counter',
  GAUGE: 'gauge',
  SUMMARY: 'summary',
  HISTOGRAM: 'histogram',
  GAUGE_HISTOGRAM: 'histogram',
  UNTYPED: 'untyped',
};

function samplesOf(family: MetricFamily): (metric: FamilyMetric) => Sample[] {
  const divider = dividerOf(family);
  return ({ labels, value, parts, count, sum }) => {
    const render = (more: readonly (readonly [string, string])[] = []) =>
      renderLabels(Object.fromEntries([...labels.filter(([, text]) => text !== ''), ...more].sort(byName)));
    if (divider === null) return [{ suffix: '', labels: render(), value }];
    const suffix = divider === 'le' ? '_bucket' : '';
    const divided = parts.filter(([bound]) => divider !== 'le' || bound !== Number.POSITIVE_INFINITY);
    if (divider === 'le') divided.push([Number.POSITIVE_INFINITY, count]);
    return [
      ...divided.map(([bound, part]) => ({ suffix, labels: render([[divider, formatG(bound)]]), value: part })),
      { suffix: '_sum', labels: render(), value: sum },
      { suffix: '_count', labels: render(), value: count },
    ];
  };
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
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
