import { compareStrings, formatValue } from '@avalanche/model';

export type FamilyType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';

/** The Content-Type of what `FamilyWriter.text` renders. */
export const TEXT_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The Content-Type of what `FamilyWriter.openMetricsText` renders. */
export const OPEN_METRICS_CONTENT_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

export type Labels = Readonly<Record<string, string>>;

/**
 * Collects metric families of one scrape and renders them as text 0.0.4, families sorted by name. Families may be
 * opened again, as several collectors may add to one; the first type and help stay.
 */
export class FamilyWriter {
  private readonly families = new Map<string, SampleSink>();

  counter(name: string, help: string): SampleSink {
    return this.family(name, 'counter', help);
  }

  gauge(name: string, help: string): SampleSink {
    return this.family(name, 'gauge', help);
  }

  family(name: string, type: FamilyType, help: string): SampleSink {
    let family = this.families.get(name);
    if (!family) {
      family = new SampleSink(name, type, help);
      this.families.set(name, family);
    }
    return family;
  }

  /**
   * Takes over all families of another writer. What would make the text invalid is left out: a family that is here with
   * another type, and a series that is here already.
   * @returns a sentence for each such family
   */
  add(other: FamilyWriter): string[] {
    const problems: string[] = [];
    for (const [name, family] of other.families) {
      const own = this.families.get(name);
      const problem = own?.take(family);
      if (problem) problems.push(problem);
      else if (!own) this.families.set(name, family);
    }
    return problems;
  }

  /** The exposition text; a family without samples prints nothing. */
  text(): string {
    return [...this.pieces('text')].join('');
  }

  /** The same as OpenMetrics 1.0, where a counter is named without its `_total`; one that has none is of no known type. */
  openMetricsText(): string {
    return [...this.pieces('openmetrics')].join('');
  }

  /** The text in pieces, which are not long: a scrape of many samples can be sent while other work goes on. */
  *pieces(format: 'text' | 'openmetrics'): Generator<string> {
    const isOpen = format === 'openmetrics';
    let piece = '';
    for (const name of [...this.families.keys()].sort(compareStrings)) {
      const family = this.families.get(name) as SampleSink;
      if (family.isEmpty) continue;
      piece += isOpen ? openMetricsHeader(name, family) : textHeader(name, family);
      for (const lines of family.pieces()) {
        piece += lines;
        if (piece.length < PIECE_CHARACTERS) continue;
        yield piece;
        piece = '';
      }
    }
    yield isOpen ? `${piece}# EOF\n` : piece;
  }
}

/** Samples are kept and given away in pieces of about so many characters. */
const PIECE_CHARACTERS = 32 * 1024;

function textHeader(name: string, { type, help }: SampleSink): string {
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
}

function openMetricsHeader(name: string, { type, help }: SampleSink): string {
  const counter = type === 'counter' && name.endsWith(TOTAL);
  const shown = counter ? name.slice(0, -TOTAL.length) : name;
  const kind = type === 'untyped' || (type === 'counter' && !counter) ? 'unknown' : type;
  return `# HELP ${shown} ${escapeHelp(help).replaceAll('"', '\\"')}\n# TYPE ${shown} ${kind}\n`;
}

const TOTAL = '_total';

/** Where the samples of one family go. */
export class SampleSink {
  /** Samples as text, a line each: what is full, and what is not. */
  private readonly full: string[] = [];
  private lines = '';

  constructor(
    private readonly name: string,
    readonly type: FamilyType,
    readonly help: string,
  ) {}

  /** Adds a sample; `suffix` is `_bucket`, `_sum` or `_count` of a histogram or summary. */
  add(value: number, labels?: Labels, suffix = ''): this {
    return this.addRendered(value, labels ? renderLabels(labels) : '', suffix);
  }

  /** Adds a sample whose labels are text already, from `renderLabels`: for many samples with the same ones. */
  addRendered(value: number, labels: string, suffix = ''): this {
    return this.addLines(`${this.name}${suffix}${labels} ${formatValue(value)}\n`);
  }

  /** Adds samples of this family that are text already, whole lines. */
  addLines(lines: string): this {
    this.lines += lines;
    if (this.lines.length >= PIECE_CHARACTERS) {
      this.full.push(this.lines);
      this.lines = '';
    }
    return this;
  }

  get isEmpty(): boolean {
    return this.lines === '' && this.full.length === 0;
  }

  /** The samples as text. */
  *pieces(): Generator<string> {
    yield* this.full;
    yield this.lines;
  }

  /** Takes over the samples of a family of the same name; says what of it is left out, or nothing where all went well. */
  take(other: SampleSink): string | undefined {
    if (other.isEmpty) return undefined;
    if (other.type !== this.type) return `family ${this.name} is a ${this.type} here and a ${other.type} there`;
    const seen = new Set(linesOf(this).map(seriesOf));
    let twice: string | undefined;
    for (const line of linesOf(other)) {
      const series = seriesOf(line);
      if (seen.has(series)) twice ??= series;
      else this.addLines(`${line}\n`);
      seen.add(series);
    }
    return twice === undefined ? undefined : `series ${twice} is there twice`;
  }
}

function linesOf(family: SampleSink): string[] {
  return [...family.pieces()].flatMap((piece) => piece.split('\n').slice(0, -1));
}

/** A line of a sample without its value. */
function seriesOf(line: string): string {
  return line.slice(0, line.lastIndexOf(' '));
}

/** The labels as they stand in the text, with their braces; '' where there are none. */
export function renderLabels(labels: Labels): string {
  let out = '';
  for (const name in labels) out += `${out === '' ? '{' : ','}${renderLabel(name, labels[name])}`;
  return out === '' ? '' : `${out}}`;
}

/** One of them, without braces. */
export function renderLabel(name: string, value: string): string {
  return `${name}="${escapeLabelValue(value)}"`;
}

function escapeLabelValue(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`)) : value;
}

function escapeHelp(help: string): string {
  return /[\\\n]/.test(help) ? help.replace(/[\\\n]/g, (c) => (c === '\n' ? '\\n' : '\\\\')) : help;
}
