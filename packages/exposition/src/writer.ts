import { compareStrings, formatValue } from '@avalanche/model';

export type FamilyType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';

/** The Content-Type of what `FamilyWriter.text` renders. */
export const TEXT_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

interface Family {
  readonly type: FamilyType;
  readonly help: string;
  readonly lines: string[];
}

/**
 * Collects metric families of one scrape and renders them as text 0.0.4, families sorted by name. Families may be
 * opened again, as several collectors may add to one; the first type and help stay.
 */
export class FamilyWriter {
  private readonly families = new Map<string, Family>();

  counter(name: string, help: string): SampleSink {
    return this.family(name, 'counter', help);
  }

  gauge(name: string, help: string): SampleSink {
    return this.family(name, 'gauge', help);
  }

  family(name: string, type: FamilyType, help: string): SampleSink {
    let family = this.families.get(name);
    if (!family) {
      family = { type, help, lines: [] };
      this.families.set(name, family);
    }
    return new SampleSink(name, family.lines);
  }

  /** Takes over all families of another writer. */
  add(other: FamilyWriter): void {
    for (const [name, family] of other.families) {
      const own = this.families.get(name);
      if (own) own.lines.push(...family.lines);
      else this.families.set(name, family);
    }
  }

  /** The exposition text; a family without samples prints nothing. */
  text(): string {
    let out = '';
    for (const name of [...this.families.keys()].sort(compareStrings)) {
      const { type, help, lines } = this.families.get(name) as Family;
      if (lines.length === 0) continue;
      out += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`;
    }
    return out;
  }
}

/** Where the samples of one family go. */
export class SampleSink {
  constructor(
    private readonly name: string,
    private readonly lines: string[],
  ) {}

  /** Adds a sample; `suffix` is `_bucket`, `_sum` or `_count` of a histogram or summary. */
  add(value: number, labels: Readonly<Record<string, string>> = {}, suffix = ''): this {
    this.lines.push(`${this.name}${suffix}${renderLabels(labels)} ${formatValue(value)}\n`);
    return this;
  }
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  let out = '';
  for (const name in labels) out += `${out === '' ? '{' : ','}${name}="${escapeLabelValue(labels[name])}"`;
  return out === '' ? '' : `${out}}`;
}

function escapeLabelValue(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`)) : value;
}

function escapeHelp(help: string): string {
  return help.replace(/[\\\n]/g, (c) => (c === '\n' ? '\\n' : '\\\\'));
}
