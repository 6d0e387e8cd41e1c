import { quote, runToEnd } from '@avalanche/model';

/** Types of the classic text format; `UNTYPED` where nothing is said. */
const TYPES: Readonly<Record<string, MetricKind>> = {
  COUNTER: 'COUNTER',
  GAUGE: 'GAUGE',
  SUMMARY: 'SUMMARY',
  UNTYPED: 'UNTYPED',
  HISTOGRAM: 'HISTOGRAM',
  GAUGE_HISTOGRAM: 'GAUGE_HISTOGRAM',
  GAUGEHISTOGRAM: 'GAUGE_HISTOGRAM',
};
export type MetricKind = 'COUNTER' | 'GAUGE' | 'SUMMARY' | 'UNTYPED' | 'HISTOGRAM' | 'GAUGE_HISTOGRAM';

type Label = readonly [name: string, value: string];

/** One metric of a family; the lines of a summary or histogram with the same labels are one. */
export interface FamilyMetric {
  /** Without `le` and `quantile` where they divide the metric. */
  readonly labels: readonly Label[];
  /** NaN for a summary or histogram. */
  value: number;
  /** Quantiles or upper bounds with their values, in the order of the text. */
  readonly parts: (readonly [bound: number, value: number])[];
  count: number;
  sum: number;
  /** Milliseconds since the epoch; 0 where the text has none. */
  timeMs: number;
}

/** A family of metrics as the text format groups them: what linters and pushers see. */
export interface MetricFamily {
  readonly name: string;
  type: MetricKind | null;
  help: string | null;
  readonly metrics: FamilyMetric[];
}

export class TextFormatError extends Error {
  override readonly name = 'TextFormatError';

  constructor(line: number, message: string) {
    super(`text format parsing error in line ${line}: ${message}`);
  }
}

const NUMBER = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)$/i;
const LEGACY_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LEGACY_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const NAME_START = /[a-zA-Z_:"]/;
const NAME_REST = /[a-zA-Z0-9_:"]*/y;
const LABEL_START = /[a-zA-Z_"]/;
const LABEL_REST = /[a-zA-Z0-9_"]*/y;
/** What stands for itself, up to where something else must be decided; long values are passed over in one go. */
const WORD = /[^ \t\n]*/y;
const PLAIN_QUOTED = /[^"\\\n]*/y;
const PLAIN_HELP = /[^\\\n]*/y;
const LINE = /[^\n]*/y;

/** Decoded at once, if a line is not longer. */
const PIECE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * Reads the classic text format into families, as upstream's client library does for its linter and for `push metrics`.
 * It is stricter than a scrape: a comment without a line's end, a type after samples, a second help are errors.
 * @param names `legacy` refuses names that only UTF-8 allows
 * @returns families that have metrics, in the order of the text. @throws TextFormatError with upstream's words
 */
export function parseTextFamilies(text: string, names: 'utf8' | 'legacy' = 'utf8'): MetricFamily[] {
  return runToEnd(readPieces([text], names));
}

/**
 * The same of bytes, in small steps: bodies of megabytes share the event loop (`Slices.run`).
 * @throws TextFormatError, or TypeError where they are no UTF-8
 */
export function readTextFamilies(body: Uint8Array, names: 'utf8' | 'legacy' = 'utf8'): Generator<void, MetricFamily[]> {
  return readPieces(decodedLines(body), names);
}

function* readPieces(pieces: Iterable<string>, names: 'utf8' | 'legacy'): Generator<void, MetricFamily[]> {
  const reader = new FamilyReader(names === 'legacy');
  for (const piece of pieces) {
    reader.begin(piece);
    while (reader.readLine()) yield;
  }
  return [...reader.families.values()].filter((family) => family.metrics.length > 0);
}

/** Whole lines: nothing of the format goes over the end of one. */
function* decodedLines(body: Uint8Array): Generator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for (let from = 0; from < body.length; ) {
    const before = body.lastIndexOf(NEWLINE, from + PIECE_BYTES);
    const last = before >= from ? before : body.indexOf(NEWLINE, from);
    const end = last < 0 ? body.length : last + 1;
    yield decoder.decode(body.subarray(from, end));
    from = end;
  }
}

type Role = 'sample' | 'count' | 'sum';

class FamilyReader {
  readonly families = new Map<string, MetricFamily>();
  /** Metrics of summaries and histograms by family and labels. */
  private readonly divided = new Map<string, FamilyMetric>();
  private text = '';
  private at = 0;
  private line = 0;
  private role: Role = 'sample';

  constructor(private readonly legacyNames: boolean) {}

  /** Goes on in a text that begins with a line. */
  begin(text: string): void {
    this.text = text;
    this.at = 0;
  }

  /** @returns false at the end of the text */
  readLine(): boolean {
    this.skipBlanks();
    if (this.at >= this.text.length) return false;
    this.line++;
    const first = this.current();
    if (first === '#') this.readComment();
    else if (first !== '\n') this.readSample();
    this.at++;
    return true;
  }

  private readComment(): void {
    this.at++;
    this.skipBlanks();
    if (this.current() === '\n') return;
    const keyword = this.word();
    if (this.current() === '\n') return;
    if (keyword !== 'HELP' && keyword !== 'TYPE') {
      this.restOfLine();
      return;
    }
    this.skipBlanks();
    const name = this.identifier('metric', NAME_START, NAME_REST);
    if (this.current() === '\n') return;
    if (!this.isBlank()) throw this.error('invalid metric name in comment');
    const family = this.familyOf(name);
    this.skipBlanks();
    if (this.current() === '\n') return;
    if (keyword === 'HELP') this.readHelp(family);
    else this.readType(family);
  }

  private readHelp(family: MetricFamily): void {
    if (family.help !== null) throw this.error(`second HELP line for metric name ${quote(family.name)}`);
    let help = this.run(PLAIN_HELP);
    while (this.current() !== '\n') help += this.escape() + this.run(PLAIN_HELP);
    family.help = help;
  }

  private readType(family: MetricFamily): void {
    if (family.type !== null) {
      throw this.error(`second TYPE line for metric name ${quote(family.name)}, or TYPE reported after samples`);
    }
    const word = this.restOfLine();
    const type = TYPES[word.toUpperCase()];
    if (!type) throw this.error(`unknown metric type ${quote(word)}`);
    family.type = type;
  }

  private readSample(): void {
    let family: MetricFamily | null = null;
    if (this.current() !== '{') {
      const name = this.identifier('metric', NAME_START, NAME_REST);
      if (name === '') throw this.error('invalid metric name');
      family = this.familyOf(name);
      this.skipBlanks();
    }
    const labels: Label[] = [];
    let bound = Number.NaN;
    if (this.current() === '{') ({ family, bound } = this.readLabels(family, labels));
    if (!family) throw this.error('invalid metric name');
    family.type ??= 'UNTYPED';
    const metric = this.metricOf(family, labels);
    this.readValue(family, metric, bound);
    if (this.current() !== '\n') this.readTimestamp(metric);
  }

  private readLabels(given: MetricFamily | null, labels: Label[]) {
    let family = given;
    let bound = Number.NaN;
    for (;;) {
      this.at++;
      this.skipBlanks();
      if (this.current() === '}') break;
      const name = this.identifier('label', LABEL_START, LABEL_REST);
      if (name === '') throw this.error(`invalid label name for metric ${quote(family?.name ?? '')}`);
      this.skipBlanks();
      if (this.current() !== '=') {
        family = this.nameInBraces(name, given, family);
        if (this.current() === '}') break;
        continue;
      }
      if (name === '__name__') throw this.error('label name "__name__" is reserved');
      if (name === '' || (this.legacyNames && !LEGACY_LABEL.test(name))) {
        throw this.error(`invalid label name ${quote(name)}`);
      }
      const isDivider = dividerOf(family) === name;
      if (!isDivider && labels.some(([known]) => known === name)) {
        throw this.error(`duplicate label names for metric ${quote(family?.name ?? '')}`);
      }
      const value = this.labelValue();
      if (isDivider) bound = this.boundOf(name, value);
      else labels.push([name, value]);
      this.skipBlanks();
      if (this.current() === '}') break;
      if (this.current() !== ',') throw this.error(`unexpected end of label value ${quote(value)}`);
    }
    this.at++;
    this.skipBlanks();
    return { family, bound };
  }

  /** A metric's name that stands between the braces, quoted. */
  private nameInBraces(name: string, given: MetricFamily | null, known: MetricFamily | null): MetricFamily {
    const found = this.current();
    if (given) throw this.error(`expected '=' after label name, found ${quoteChar(found)}`);
    if (known) throw this.error(`multiple metric names for metric ${quote(known.name)}`);
    if (found !== ',' && found !== '}') throw this.error(`unexpected end of metric name ${quoteChar(found)}`);
    return this.familyOf(name);
  }

  private labelValue(): string {
    this.at++;
    this.skipBlanks();
    if (this.current() !== '"') {
      throw this.error(`expected '"' at start of label value, found ${quoteChar(this.current())}`);
    }
    return this.quoted('label value');
  }

  private boundOf(name: string, value: string): number {
    const bound = parseFloat64(value);
    if (bound === null) throw this.error(`expected float as value for '${name}' label, got ${quote(value)}`);
    return bound;
  }

  private readValue(family: MetricFamily, metric: FamilyMetric, bound: number): void {
    const word = this.word();
    const value = parseFloat64(word);
    if (value === null) throw this.error(`expected float as value, got ${quote(word)}`);
    if (dividerOf(family) === null) metric.value = value;
    else if (this.role === 'sum') metric.sum = value;
    else if (this.role === 'count') metric.count = this.population(family, value, 'negative count for histogram');
    else if (!Number.isNaN(bound)) {
      metric.parts.push([bound, this.population(family, value, 'negative bucket population for histogram')]);
    }
  }

  private population({ type, name }: MetricFamily, value: number, complaint: string): number {
    if (type !== 'SUMMARY' && value < 0) throw this.error(`${complaint} ${quote(name)}`);
    return value;
  }

  private readTimestamp(metric: FamilyMetric): void {
    this.skipBlanks();
    const word = this.word();
    if (!/^[+-]?\d{1,19}$/.test(word)) throw this.error(`expected integer as timestamp, got ${quote(word)}`);
    metric.timeMs = Number(word);
    const rest = this.restOfLine();
    if (rest !== '') throw this.error(`spurious string after timestamp: ${quote(rest)}`);
  }

  /** The family of a name; one that ends in `_sum`, `_count` or `_bucket` can belong to a summary or histogram. */
  private familyOf(name: string): MetricFamily {
    this.role = 'sample';
    if (name === '' || (this.legacyNames && !LEGACY_METRIC.test(name))) {
      throw this.error(`invalid metric name ${quote(name)}`);
    }
    const exact = this.families.get(name);
    if (exact) return exact;
    const match = /^(.+)_(sum|count|bucket)$/s.exec(name);
    const divided = match ? this.families.get(match[1]) : undefined;
    if (match && divided && dividerOf(divided) !== null && (match[2] !== 'bucket' || divided.type !== 'SUMMARY')) {
      if (match[2] !== 'bucket') this.role = match[2] as Role;
      return divided;
    }
    const family: MetricFamily = { name, type: null, help: null, metrics: [] };
    this.families.set(name, family);
    return family;
  }

  private metricOf(family: MetricFamily, labels: readonly Label[]): FamilyMetric {
    const key = dividerOf(family) === null ? null : JSON.stringify([family.name, [...labels].sort()]);
    const known = key === null ? undefined : this.divided.get(key);
    if (known) return known;
    const metric = { labels, value: Number.NaN, parts: [], count: 0, sum: 0, timeMs: 0 };
    if (key !== null) this.divided.set(key, metric);
    family.metrics.push(metric);
    return metric;
  }

  /** The character at the place. @throws TextFormatError at the end of the text */
  private current(): string {
    if (this.at < this.text.length) return this.text[this.at];
    throw this.error('unexpected end of input stream');
  }

  private isBlank(): boolean {
    const char = this.text[this.at];
    return char === ' ' || char === '\t';
  }

  private skipBlanks(): void {
    while (this.isBlank()) this.at++;
  }

  private word(): string {
    return this.run(WORD);
  }

  private restOfLine(): string {
    return this.run(LINE);
  }

  /** What stands here of a kind. @throws TextFormatError where the text ends with it */
  private run(kind: RegExp): string {
    const from = this.at;
    kind.lastIndex = from;
    kind.test(this.text);
    this.at = kind.lastIndex;
    this.current();
    return this.text.slice(from, this.at);
  }

  /** From a quote on: what stands up to the next one. */
  private quoted(what: string): string {
    this.at++;
    let value = this.run(PLAIN_QUOTED);
    while (this.current() !== '"') {
      if (this.current() === '\n') throw this.error(`${what} ${quote(value)} contains unescaped new-line`);
      value += this.escape() + this.run(PLAIN_QUOTED);
    }
    this.at++;
    return value;
  }

  /** A bare name, or a quoted one; empty where none begins here. */
  private identifier(what: 'metric' | 'label', start: RegExp, rest: RegExp): string {
    if (!start.test(this.current())) return '';
    return this.current() === '"' ? this.quoted(`${what} name`) : this.run(rest);
  }

  /** At a backslash: what it and the next character stand for. */
  private escape(): string {
    this.at++;
    const char = this.current();
    this.at++;
    if (char === 'n') return '\n';
    if (char === '\\' || char === '"') return char;
    throw this.error(`invalid escape sequence '\\${char}'`);
  }

  private error(message: string): TextFormatError {
    return new TextFormatError(this.line, message);
  }
}

/** The label whose values are parts of one metric. */
export function dividerOf(family: Pick<MetricFamily, 'type'> | null): 'le' | 'quantile' | null {
  if (family?.type === 'SUMMARY') return 'quantile';
  return family?.type === 'HISTOGRAM' || family?.type === 'GAUGE_HISTOGRAM' ? 'le' : null;
}

/** A float as the text format has it; null for anything else, and for what no double can hold. */
function parseFloat64(text: string): number | null {
  if (!NUMBER.test(text)) return null;
  if (/n/i.test(text)) return /a/i.test(text) ? Number.NaN : text.startsWith('-') ? -Infinity : Infinity;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/** Go's `%q` of a byte. */
function quoteChar(char: string): string {
  if (char === "'") return "'\\''";
  return char === '"' ? `'"'` : `'${quote(char).slice(1, -1)}'`;
}
