import { isUtf8 } from 'node:buffer';
import { type FloatHistogram, METRIC_NAME } from '@avalanche/model';
import { DecimalReader, parseNumber } from './decimal.ts';
import { type Exemplar, readExemplar } from './exemplar.ts';
import { explainEntry } from './explain.ts';
import { commonPrefix, NO_LINES, type SampleLines } from './sample-lines.ts';
import {
  decodeText,
  ExpositionError,
  type ExpositionFormat,
  endOfBlanks,
  endOfSeries,
  parseSeriesBytes,
  unescapeHelp,
  unescapeValue,
} from './series-text.ts';

export interface ParserOptions {
  /** How many bytes of the body are to be read; default all. */
  readonly size?: number;
  /** Whether exemplars are looked for. */
  readonly withExemplars?: boolean;
  /** Whether `_created` lines are start times instead of samples. */
  readonly withStartTimes?: boolean;
}

/** What `next` has come to: a sample, a `# TYPE`/`# HELP`/`# UNIT` line, or the end. */
export const ENTRY_END = 0;
export const ENTRY_SAMPLE = 1;
export const ENTRY_TYPE = 2;
export const ENTRY_HELP = 3;
export const ENTRY_UNIT = 4;
export type Entry = typeof ENTRY_END | typeof ENTRY_SAMPLE | typeof ENTRY_TYPE | typeof ENTRY_HELP | typeof ENTRY_UNIT;

/** A parser of any format, as whoever stores samples sees it; what the fields mean is told at `ExpositionParser`. */
export interface SampleParser {
  /** The bytes that series are ranges of; others may take their place while reading goes on, with the same ranges. */
  readonly body: Uint8Array;
  readonly size: number;
  readonly position: number;
  readonly seriesStart: number;
  readonly seriesEnd: number;
  readonly isExpected: boolean;
  readonly value: number;
  /** Where the sample is a native histogram; `value` says nothing then. */
  readonly histogram: FloatHistogram | null;
  readonly timestamp: number;
  readonly hasTimestamp: boolean;
  readonly hasExemplar: boolean;
  readonly metric: string;
  readonly text: string;
  next(previous?: SampleLines, place?: number): Entry;
  seriesMap(): ReadonlyMap<string, string>;
  exemplars(): Exemplar[];
  startTime(): number;
}

/**
 * Walks an exposition body line by line without making an object a line: `next` moves on, the fields describe the
 * entry it came to. The series part stays a range of the body's bytes, for the scrape cache to compare.
 *
 * Prometheus text 0.0.4 and 1.0.0 and OpenMetrics 0.0.1 and 1.0.0, as strict as upstream's `model/textparse`: what fails
 * there fails here, in its words. Two things of upstream's are not followed: a NUL byte does not end a body, and blanks
 * before a name are not part of it.
 * @throws ExpositionError with the line number, from `next`
 */
export class ExpositionParser implements SampleParser {
  readonly body: Uint8Array;
  /** Of a sample: the range of the name and its braces in `body`. */
  seriesStart = 0;
  seriesEnd = 0;
  /** Whether the series is that of the expected line. */
  isExpected = false;
  value = 0;
  /** Text has none. */
  readonly histogram = null;
  /** Milliseconds since the epoch; meaningful where `hasTimestamp`. */
  timestamp = 0;
  hasTimestamp = false;
  /** Whether the sample has an exemplar; looked for where `withExemplars`. */
  hasExemplar = false;
  /** Of a TYPE, HELP or UNIT line. */
  metric = '';
  text = '';
  /** Where the line after the current entry begins; beyond `size` where no newline ends it. */
  position = 0;
  /** How many bytes of `body` are to be read. */
  readonly size: number;
  private readonly view: DataView;
  private readonly decimal = new DecimalReader();
  private entryStart = 0;
  private sawEof = false;
  private exemplarStart = 0;
  private exemplarEnd = 0;
  /** The type that the last TYPE line gave, and the family that the last comment named. */
  private familyType = '';
  private family = '';
  private created: CreatedTimes | undefined = undefined;

  private readonly withExemplars: boolean;
  private readonly withStartTimes: boolean;

  /** @param body bytes, or a text to be encoded; `size` of them are read */
  constructor(
    body: Uint8Array | string,
    private readonly format: ExpositionFormat,
    { size, withExemplars = false, withStartTimes = false }: ParserOptions = {},
  ) {
    this.body = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
    this.size = size ?? this.body.length;
    this.withExemplars = withExemplars && format === 'openmetrics';
    this.withStartTimes = withStartTimes && format === 'openmetrics';
    this.view = new DataView(this.body.buffer, this.body.byteOffset, this.body.byteLength);
  }

  /** Of the current entry, from 1. Counted when asked for. */
  get line(): number {
    let line = 1;
    for (let at = this.endOfLine(0); at < this.entryStart; at = this.endOfLine(at + 1)) line++;
    return line;
  }

  /** The series of the current sample, as text. */
  get seriesText(): string {
    return decodeText(this.body, this.seriesStart, this.seriesEnd);
  }

  /** The labels of the current sample, those with an empty value too. @throws ExpositionError */
  seriesMap(): ReadonlyMap<string, string> {
    try {
      return parseSeriesBytes(this.body, this.seriesStart, this.seriesEnd, this.format);
    } catch (error) {
      throw this.error((error as Error).message);
    }
  }

  /** The exemplar of the current sample. Call where `hasExemplar`. */
  exemplars(): Exemplar[] {
    return [readExemplar(this.body, this.exemplarStart, this.exemplarEnd)];
  }

  /**
   * When the current sample's counter, histogram or summary began, in milliseconds, as its `_created` line says; 0 where
   * there is none. Known where `withStartTimes`; then `_created` lines are no samples, and no line may be expected.
   */
  startTime(): number {
    if (!this.withStartTimes || !STARTS.has(this.familyType)) return 0;
    this.created ??= this.createdTimes();
    return this.created.get(seriesKey(this.seriesMap(), this.family)) ?? 0;
  }

  /** What the lines ahead say, to the end of the family. */
  private createdTimes(): CreatedTimes {
    const ahead = new ExpositionParser(this.body, this.format, { size: this.size });
    ahead.position = this.position;
    const times: CreatedTimes = new Map();
    try {
      while (ahead.next() === ENTRY_SAMPLE) {
        if (!ahead.isCreated()) continue;
        const key = seriesKey(ahead.seriesMap(), this.family);
        if (!times.has(key)) times.set(key, Math.trunc(ahead.value * 1000));
      }
    } catch {
      // The walk itself will come to it.
    }
    return times;
  }

  private isCreated(): boolean {
    const text = this.seriesText;
    return text.includes(CREATED) && (this.seriesMap().get(METRIC_NAME) ?? '').endsWith(CREATED);
  }

  /**
   * Moves to the next entry. Line `place` of `previous`, another body in the same format, is what is expected here:
   * where its series stands here again, that is known without looking for the series' end, and where all of the line
   * does, its value is known too; comments before it that are the same are passed over.
   */
  next(previous: SampleLines = NO_LINES, place = 0): Entry {
    if (place < previous.length) {
      const from = place === 0 ? 0 : previous.next[place - 1];
      const gap = previous.start[place] - from;
      const at = this.position;
      if ((gap === 0 || this.isSame(previous, from, gap)) && this.matchSample(previous, place, at + gap)) {
        return ENTRY_SAMPLE;
      }
    }
    return this.parseNext(previous, place);
  }

  private isSame(previous: SampleLines, from: number, size: number): boolean {
    const at = this.position;
    return size <= this.size - at && commonPrefix(previous.view, from, this.view, at, size) === size;
  }

  /** Reads the sample at `at` if its series is that of the expected line. */
  private matchSample(previous: SampleLines, place: number, at: number): boolean {
    const from = previous.start[place];
    const lineSize = previous.next[place] - from;
    const seriesSize = previous.end[place] - from;
    const same = commonPrefix(previous.view, from, this.view, at, Math.min(lineSize, this.size - at));
    // What ends the series must be the same too.
    if (same <= seriesSize) return false;
    const end = at + seriesSize;
    if (same === lineSize && previous.plain[place] === 1) {
      this.value = previous.value[place];
      this.hasTimestamp = false;
      this.hasExemplar = false;
      this.position = at + lineSize;
    } else {
      const valueStart = endOfBlanks(this.body, end, this.size);
      const braces = valueStart < this.size && this.body[valueStart] === BRACE_OPEN;
      // Only the name was expected, and its braces stand after a blank.
      if (braces && this.body[end - 1] !== BRACE_CLOSE) return false;
      this.enter(at, end);
      this.parseSample(end);
    }
    this.enter(at, end);
    this.isExpected = true;
    return true;
  }

  private enter(seriesStart: number, seriesEnd: number): void {
    this.entryStart = seriesStart;
    this.seriesStart = seriesStart;
    this.seriesEnd = seriesEnd;
  }

  private parseNext(previous: SampleLines, place: number): Entry {
    for (;;) {
      if (this.position >= this.size) return this.end();
      this.entryStart = this.position;
      if (this.sawEof) throw new ExpositionError(this.line, 'unexpected data after # EOF');
      const start = this.format === 'text' ? endOfBlanks(this.body, this.position, this.size) : this.position;
      if (start >= this.size) return this.end();
      const c = this.body[start];
      if (c === NEWLINE) {
        if (this.format === 'openmetrics') throw this.error('empty line');
        this.position = start + 1;
      } else if (c === HASH) {
        const entry = this.comment(start);
        if (entry !== ENTRY_END) return entry;
      } else {
        if (place >= previous.length || !this.matchSample(previous, place, start)) this.sample(start);
        if (this.withStartTimes && STARTS.has(this.familyType) && this.isCreated()) continue;
        return ENTRY_SAMPLE;
      }
    }
  }

  private end(): Entry {
    if (this.format === 'openmetrics' && !this.sawEof) {
      this.entryStart = this.size;
      throw new ExpositionError(this.line, 'data does not end with # EOF');
    }
    return ENTRY_END;
  }

  private sample(start: number): void {
    this.isExpected = false;
    this.seriesStart = start;
    this.seriesEnd = endOfSeries(this.body, start, this.size, this.format);
    if (this.seriesEnd === start) throw this.error(`expected a metric name, got ${this.excerpt(start, start + 1)}`);
    this.parseSample(this.seriesEnd);
  }

  /** Reads what follows the series, and moves to the next line. */
  private parseSample(seriesEnd: number): void {
    const { decimal } = this;
    const valueStart = endOfBlanks(this.body, seriesEnd, this.size);
    if (this.format === 'openmetrics' && (valueStart !== seriesEnd + 1 || this.body[seriesEnd] !== SPACE)) {
      this.seriesMap();
      throw this.error('expected one space before the value');
    }
    this.hasTimestamp = false;
    this.hasExemplar = false;
    if (decimal.next(this.body, valueStart, this.size)) {
      this.value = decimal.value;
      if (decimal.end < this.size && this.body[decimal.end] === NEWLINE) {
        this.position = decimal.end + 1;
        return;
      }
      this.parseRest(decimal.end);
      return;
    }
    const end = this.endOfWord(valueStart);
    if (end === valueStart) this.seriesMap(); // which is not complete, most likely
    this.value = this.parseNumber(decodeText(this.body, valueStart, end));
    this.parseRest(end);
  }

  private parseNumber(text: string): number {
    const number = parseNumber(text);
    if (number === undefined) throw this.error(`expected a value, got ${JSON.stringify(text)}`);
    return number;
  }

  /** What follows the value: a timestamp, an exemplar. */
  private parseRest(valueEnd: number): void {
    const lineEnd = this.endOfLine(valueEnd);
    this.position = lineEnd + 1;
    if (lineEnd === valueEnd) return;
    const rest = decodeText(this.body, valueEnd, lineEnd);
    const match = (this.format === 'text' ? REST : OPENMETRICS_REST).exec(rest);
    if (!match) throw this.error(`unexpected text after the sample: ${JSON.stringify(rest.slice(0, 40).trim())}`);
    const [, timestamp, exemplar, exemplarValue, exemplarTime] = match;
    if (timestamp !== undefined) {
      this.timestamp = this.parseTimestamp(timestamp);
      this.hasTimestamp = true;
    }
    if (exemplar === undefined) return;
    this.parseNumber(exemplarValue);
    if (exemplarTime !== undefined) this.parseTimestamp(exemplarTime);
    if (!isUtf8(this.body.subarray(valueEnd, lineEnd))) throw this.error('invalid UTF-8 label value');
    this.hasExemplar = this.withExemplars;
    this.exemplarStart = lineEnd - Buffer.byteLength(exemplar) + EXEMPLAR_MARK.length;
    this.exemplarEnd = lineEnd;
  }

  /** In milliseconds; of OpenMetrics' seconds, what is beyond them is cut off. */
  private parseTimestamp(text: string): number {
    if (this.format === 'openmetrics') {
      const seconds = this.parseNumber(text);
      if (!Number.isFinite(seconds)) throw this.error(`invalid timestamp ${text}`);
      return Math.trunc(seconds * 1000) + 0; // never -0
    }
    const time = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (time < 2 ** 63) return time;
    throw this.error(`expected a timestamp in milliseconds, got ${JSON.stringify(text)}`);
  }

  private comment(start: number): Entry {
    const lineEnd = this.endOfLine(start);
    this.position = lineEnd + 1;
    const line = decodeText(this.body, start, lineEnd);
    if (this.format === 'openmetrics' && line === '# EOF') {
      this.sawEof = true;
      return ENTRY_END;
    }
    const match = (this.format === 'text' ? DESCRIPTION : OPENMETRICS_DESCRIPTION).exec(line);
    if (!match) {
      if (this.format === 'text' && !DESCRIPTION_BEGIN.test(line)) return ENTRY_END;
      throw this.error(`malformed comment ${JSON.stringify(line.slice(0, 40))}`);
    }
    const [, keyword, metric, text] = match;
    this.metric = metric.startsWith('"') ? unescapeValue(metric.slice(1, -1)) : metric;
    this.text = BLANKS.test(text) && this.format === 'text' ? '' : text.slice(1);
    if (this.metric !== this.family || keyword === 'TYPE') this.created = undefined;
    this.family = this.metric;
    if (keyword === 'TYPE') return this.checkType();
    if (keyword === 'UNIT') return this.checkUnit();
    if (!isUtf8(this.body.subarray(start, lineEnd))) throw this.error('help text is not a valid utf8 string');
    this.text = this.format === 'text' ? unescapeHelp(this.text) : unescapeValue(this.text);
    return ENTRY_HELP;
  }

  private checkType(): Entry {
    const types = this.format === 'text' ? TYPES : OPENMETRICS_TYPES;
    if (!types.has(this.text)) throw this.error(`invalid metric type ${JSON.stringify(this.text)}`);
    this.familyType = this.text;
    return ENTRY_TYPE;
  }

  private checkUnit(): Entry {
    const { metric, text } = this;
    if (text !== '' && !metric.endsWith(`_${text}`)) {
      throw this.error(`unit ${JSON.stringify(text)} not a suffix of metric ${JSON.stringify(metric)}`);
    }
    return ENTRY_UNIT;
  }

  private endOfLine(start: number): number {
    if (start >= this.size) return this.size;
    const at = this.body.indexOf(NEWLINE, start);
    return at < 0 || at > this.size ? this.size : at;
  }

  private endOfWord(start: number): number {
    let i = start;
    while (i < this.size) {
      const c = this.body[i];
      if (c === SPACE || c === TAB || c === NEWLINE) break;
      i++;
    }
    return i;
  }

  private excerpt(start: number, end: number): string {
    return JSON.stringify(decodeText(this.body, start, Math.min(end, start + 40, this.size)));
  }

  /** @param reason what is told where upstream's grammar finds nothing wrong */
  private error(reason: string): ExpositionError {
    const start = this.format === 'text' ? endOfBlanks(this.body, this.entryStart, this.size) : this.entryStart;
    const why = explainEntry(this.body, this.size, start, this.format);
    return new ExpositionError(this.line, why ?? reason);
  }
}

/** Start times in milliseconds, by family and labels. */
type CreatedTimes = Map<string, number>;

/** Equal for the samples of one counter, histogram or summary. */
function seriesKey(labels: ReadonlyMap<string, string>, family: string): string {
  const own = [...labels].filter(([name]) => name !== METRIC_NAME && name !== 'le' && name !== 'quantile');
  return JSON.stringify([family, own]);
}

const CREATED = '_created';
/** The types whose samples have a start. */
const STARTS = new Set(['counter', 'histogram', 'summary']);
const BLANKS = /^[ \t]*$/;
const EXEMPLAR_MARK = ' # ';

const TAB = 9;
const SPACE = 32;
const NEWLINE = 10;
const HASH = 35;
const BRACE_OPEN = 123;
const BRACE_CLOSE = 125;
/** What may follow a value: the timestamp; in OpenMetrics an exemplar too. */
const REST = /^[ \t]*(?:([^ \t]+)[ \t]*)?$/;
const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
/** In this form of it, without an alternative a character, megabytes do not overflow the stack. */
const QUOTED = String.raw`"[^\\"]*(?:\\.[^\\"]*)*"`;
const EXEMPLAR_LABEL = `(?:[a-zA-Z_][a-zA-Z0-9_]*|${QUOTED})=${QUOTED}`;
const EXEMPLAR = String.raw` # \{(?:${EXEMPLAR_LABEL}(?:,${EXEMPLAR_LABEL})*,?)?\} ([^ ]+)(?: ([^ ]+))?`;
const OPENMETRICS_REST = new RegExp(String.raw`^(?: (?!# \{)([^ ]+))?(${EXEMPLAR})?$`);
const DESCRIPTION_BEGIN = /^#[ \t]+(?:HELP|TYPE)[ \t]/;
const DESCRIPTION = new RegExp(String.raw`^#[ \t]+(HELP|TYPE)[ \t]+(${NAME}|${QUOTED})(.*)$`, 's');
const OPENMETRICS_DESCRIPTION = new RegExp(`^# (HELP|TYPE|UNIT) (${NAME}|${QUOTED})( .*)$`, 's');
const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const OPENMETRICS_TYPES = new Set([
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
  'unknown',
]);
