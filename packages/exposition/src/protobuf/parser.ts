import {
  ClassicHistogram,
  ClassicHistogramError,
  type FloatHistogram,
  HistogramError,
  Labels,
  METRIC_NAME,
  ProtoError,
  ProtoReader,
} from '@avalanche/model';
import { formatBound } from '../bound.ts';
import type { Exemplar } from '../exemplar.ts';
import { KeyedEntries } from '../keyed-entries.ts';
import { ENTRY_END, ENTRY_HELP, ENTRY_SAMPLE, ENTRY_TYPE, ENTRY_UNIT, type Entry } from '../parser.ts';
import { NO_LINES, type SampleLines } from '../sample-lines.ts';
import { ProtoMetric, readTimestamp, SpanMismatch } from './metric.ts';

export interface ProtobufOptions {
  /** How many bytes of the body are to be read; default all. */
  readonly size?: number;
  /** Whether native histograms are read (`scrape_native_histograms`); without it their classic buckets are. */
  readonly nativeHistograms?: boolean;
  /** Whether the classic buckets of a histogram are read beside its native ones (`always_scrape_classic_histograms`). */
  readonly alwaysClassic?: boolean;
  /** Whether classic histograms become native ones with custom buckets (`convert_classic_histograms_to_nhcb`). */
  readonly toCustomBuckets?: boolean;
  /** Whether exemplars are looked for. */
  readonly withExemplars?: boolean;
}

/** Bytes that are no protobuf exposition. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';

  constructor(
    /** Where reading ended. */
    readonly offset: number,
    readonly reason: string,
  ) {
    super(`byte ${offset}: ${reason}`);
  }
}

const FAMILY = { name: 1, help: 2, type: 3, metric: 4, unit: 5 } as const;
const LABEL = { name: 1, value: 2 } as const;
const EXEMPLAR = { label: 1, value: 2, timestamp: 3 } as const;

/** `MetricType` by its number. */
const TYPES = ['counter', 'gauge', 'summary', 'unknown', 'histogram', 'gaugehistogram'] as const;
const SUMMARY = TYPES.indexOf('summary');
const HISTOGRAM = TYPES.indexOf('histogram');
const GAUGE_HISTOGRAM = TYPES.indexOf('gaugehistogram');

/** What a metric gives, one after the other. A simple one gives its value alone. */
const STEP_VALUE = 0;
const STEP_NATIVE = 1;
const STEP_COUNT = 2;
const STEP_SUM = 3;
const STEP_BOUNDS = 4;
const STEP_CUSTOM = 5;
const STEP_DONE = 6;

const encode = (text: string) => new TextEncoder().encode(text);
const SUFFIXES: Readonly<Partial<Record<number, Uint8Array>>> = {
  [STEP_COUNT]: encode('_count'),
  [STEP_SUM]: encode('_sum'),
  [STEP_BOUNDS]: encode('_bucket'),
};
/** Between the parts of a key; no name has it. */
const SEPARATOR = 0xff;

/**
 * Walks a body of delimited `io.prometheus.client.MetricFamily` messages as `ExpositionParser` walks text: the same
 * series, in upstream's order (`model/textparse/protobufparse.go`). Total: any bytes are samples or an error.
 * @throws ProtobufError with the offset, from `next`
 */
export class ProtobufParser extends KeyedEntries {
  private readonly reader: ProtoReader;
  private readonly bytes: Uint8Array;
  private readonly end: number;
  private readonly options: ProtobufOptions;
  /** Where the next family begins. */
  private nextFamily = 0;
  private name = '';
  private nameStart = 0;
  private nameEnd = 0;
  private type = 0;
  private help = '';
  private unit = '';
  /** Places of the family's metrics: `[start, end, …]`, and the next of them. */
  private readonly metrics: number[] = [];
  private nextMetric = 0;
  private readonly current = new ProtoMetric();
  private step = STEP_DONE;
  /** Whether the sample of the current step was given. */
  private given = false;
  /** In `STEP_BOUNDS`: the quantile or bucket. */
  private bound = 0;
  /** What is still to be told of a new family. */
  private comments: Entry[] = [];
  private readonly exemplarPlaces: number[] = [];

  constructor(body: Uint8Array, options: ProtobufOptions = {}) {
    super();
    this.bytes = body;
    this.end = options.size ?? body.length;
    this.options = options;
    this.reader = new ProtoReader(body, 0, this.end);
  }

  /** As `ExpositionParser.next`; lines of `previous` are those of a parser of this kind. */
  next(previous: SampleLines = NO_LINES, place = 0): Entry {
    try {
      const comment = this.comments.shift();
      if (comment !== undefined) return this.tell(comment);
      for (;;) {
        if (this.step !== STEP_DONE) return this.sample(previous, place);
        if (this.nextMetric < this.metrics.length) this.readMetric();
        else if (this.nextFamily >= this.end) return ENTRY_END;
        else if (this.readFamily()) return this.tell(ENTRY_HELP);
      }
    } catch (error) {
      throw this.told(error);
    }
  }

  /** The labels of the current sample, those with an empty value too. @throws ProtobufError */
  seriesMap(): ReadonlyMap<string, string> {
    try {
      const map = new Map([[METRIC_NAME, this.name + suffixOf(this.step, this.type)]]);
      const { labels } = this.current;
      for (let i = 0; i < labels.length; i += 2) this.readLabel(labels[i], labels[i + 1], map);
      if (this.step === STEP_BOUNDS) map.set(this.type === SUMMARY ? 'quantile' : 'le', this.boundText());
      return map;
    } catch (error) {
      throw this.told(error);
    }
  }

  /** The exemplars of the current sample. Call where `hasExemplar`. @throws ProtobufError */
  exemplars(): Exemplar[] {
    const { exemplarPlaces } = this;
    try {
      return exemplarPlaces.flatMap((start, i) => (i % 2 === 0 ? this.readExemplar(start, exemplarPlaces[i + 1]) : []));
    } catch (error) {
      throw this.told(error);
    }
  }

  startTime(): number {
    return this.current.start;
  }

  private told(error: unknown): unknown {
    const { position } = this.reader;
    if (error instanceof ProtoError || error instanceof ClassicHistogramError) {
      return new ProtobufError(position, error.message);
    }
    const isOfHistogram = error instanceof HistogramError || error instanceof SpanMismatch;
    return isOfHistogram ? new ProtobufError(position, `histogram "${this.name}": ${error.message}`) : error;
  }

  /** @returns whether the family has metrics; one without is passed over */
  private readFamily(): boolean {
    const { reader } = this;
    reader.seek(this.nextFamily, this.end);
    reader.enterDelimited();
    this.metrics.length = 0;
    this.nextMetric = 0;
    this.name = '';
    this.nameStart = 0;
    this.nameEnd = 0;
    this.type = 0;
    this.help = '';
    this.unit = '';
    while (reader.next()) this.readFamilyField();
    this.nextFamily = reader.position;
    if (this.metrics.length === 0) return false;
    if (this.name === '' || reader.isIllFormed) {
      throw new ProtobufError(this.nameStart, `invalid name, help or unit of metric ${JSON.stringify(this.name)}`);
    }
    if (this.type >= TYPES.length) {
      throw new ProtobufError(this.nameStart, `unknown metric type for metric "${this.name}": ${this.type}`);
    }
    this.comments = this.unit === '' ? [ENTRY_TYPE] : [ENTRY_UNIT, ENTRY_TYPE];
    return true;
  }

  private readFamilyField(): void {
    const { reader } = this;
    const { field } = reader;
    if (field === FAMILY.metric) {
      const length = reader.place();
      this.metrics.push(reader.position - length, reader.position);
    } else if (field === FAMILY.name) {
      this.name = reader.string();
      this.nameEnd = reader.position;
      this.nameStart = this.nameEnd - Buffer.byteLength(this.name);
    } else if (field === FAMILY.help) this.help = reader.string();
    else if (field === FAMILY.type) this.type = reader.uint64();
    else if (field === FAMILY.unit) this.unit = reader.string();
    else reader.skip();
  }

  private tell(entry: Entry): Entry {
    this.metric = this.name;
    this.text = entry === ENTRY_HELP ? this.help : entry === ENTRY_UNIT ? this.unit : TYPES[this.type];
    return entry;
  }

  private readMetric(): void {
    const { reader, metrics, current } = this;
    reader.seek(metrics[this.nextMetric], metrics[this.nextMetric + 1]);
    this.nextMetric += 2;
    current.read(reader);
    this.step = this.firstStep();
    this.timestamp = current.timestamp;
    this.hasTimestamp = current.timestamp !== 0;
    this.bound = 0;
  }

  private firstStep(): number {
    if (this.type === SUMMARY) return STEP_COUNT;
    if (!this.isHistogram) return STEP_VALUE;
    if (this.isNative) return STEP_NATIVE;
    return this.options.toCustomBuckets && !this.options.alwaysClassic ? STEP_CUSTOM : STEP_COUNT;
  }

  private get isHistogram(): boolean {
    return this.type === HISTOGRAM || this.type === GAUGE_HISTOGRAM;
  }

  private get isNative(): boolean {
    return (this.options.nativeHistograms ?? false) && this.current.isNative;
  }

  /** Gives the sample that the current step is; the step stays as it is until the next one. */
  private sample(previous: SampleLines, place: number): Entry {
    const { current } = this;
    if (this.given) this.advance();
    if (this.step === STEP_DONE) {
      this.given = false;
      return this.next(previous, place);
    }
    this.given = true;
    this.histogram = null;
    if (this.step === STEP_VALUE) this.value = current.value;
    else if (this.step === STEP_COUNT) this.value = this.type === SUMMARY ? current.count : current.totalCount;
    else if (this.step === STEP_SUM) this.value = current.sum;
    else if (this.step === STEP_BOUNDS) this.value = current.values[this.bound] ?? current.totalCount;
    else if (this.step === STEP_NATIVE) this.histogram = current.nativeHistogram(this.type === GAUGE_HISTOGRAM);
    else this.histogram = this.customHistogram();
    this.writeKey(previous, place);
    this.hasExemplar = (this.options.withExemplars ?? false) && this.findExemplars();
    return ENTRY_SAMPLE;
  }

  private advance(): void {
    const { current, options } = this;
    const hasClassic = options.alwaysClassic && current.bounds.length > 0;
    if (this.step === STEP_NATIVE && hasClassic) this.step = STEP_COUNT;
    else if (this.step === STEP_COUNT) this.step = STEP_SUM;
    else if (this.step === STEP_SUM && (this.isHistogram || current.bounds.length > 0)) this.step = STEP_BOUNDS;
    else if (this.step === STEP_BOUNDS && this.hasMoreBounds()) this.bound++;
    else if (this.step === STEP_BOUNDS && this.isHistogram && !this.isNative && options.toCustomBuckets) {
      this.step = STEP_CUSTOM;
    } else this.step = STEP_DONE;
  }

  /** A histogram has a bucket of +Inf, whether it is listed or not. */
  private hasMoreBounds(): boolean {
    const { bounds } = this.current;
    if (this.type === SUMMARY) return this.bound + 1 < bounds.length;
    return this.bound < bounds.length && bounds[this.bound] !== Number.POSITIVE_INFINITY;
  }

  private customHistogram(): FloatHistogram {
    const { current } = this;
    const classic = new ClassicHistogram();
    classic.setCount(current.totalCount);
    classic.setSum(current.sum);
    current.bounds.forEach((bound, i) => {
      classic.addBucket(bound, current.values[i]);
    });
    const histogram = classic.convert();
    return this.type === GAUGE_HISTOGRAM ? histogram.withHint('gauge') : histogram;
  }

  private writeKey(previous: SampleLines, place: number): void {
    const { bytes, step } = this;
    const { labels, bounds } = this.current;
    this.beginKey();
    this.putKeyBytes(bytes, this.nameStart, this.nameEnd);
    const suffix = step === STEP_BOUNDS && this.type === SUMMARY ? undefined : SUFFIXES[step];
    if (suffix) this.putKeyBytes(suffix, 0, suffix.length);
    for (let i = 0; i < labels.length; i += 2) {
      this.putKeyByte(SEPARATOR);
      this.putKeyBytes(bytes, labels[i], labels[i + 1]);
    }
    if (step === STEP_BOUNDS) {
      this.putKeyByte(SEPARATOR);
      this.putKeyNumber(bounds[this.bound] ?? Number.POSITIVE_INFINITY);
    }
    this.endKey(previous, place);
  }

  private boundText(): string {
    return formatBound(this.current.bounds[this.bound] ?? Number.POSITIVE_INFINITY);
  }

  private readLabel(start: number, end: number, into: Map<string, string>): void {
    const { reader } = this;
    reader.seek(start, end);
    let name = '';
    let value = '';
    while (reader.next()) {
      if (reader.field === LABEL.name) name = reader.string();
      else if (reader.field === LABEL.value) value = reader.string();
      else reader.skip();
    }
    if (name === '') throw new ProtobufError(start, 'invalid label name: ');
    if (reader.isIllFormed) throw new ProtobufError(start, `invalid label value: ${value}`);
    into.set(name, value);
  }

  /** Those of native histograms need a timestamp of their own, as with upstream; where they are none, buckets may have some. */
  private findExemplars(): boolean {
    const { current, exemplarPlaces: places, step, bound } = this;
    places.length = 0;
    if (step === STEP_VALUE && current.exemplarStart >= 0) places.push(current.exemplarStart, current.exemplarEnd);
    else if (step === STEP_BOUNDS && this.isHistogram && current.bucketExemplars[2 * bound] >= 0) {
      places.push(current.bucketExemplars[2 * bound], current.bucketExemplars[2 * bound + 1]);
    } else if (step === STEP_NATIVE || step === STEP_CUSTOM) {
      const { exemplars, bucketExemplars } = current;
      for (const at of exemplars.length > 0 ? exemplars : bucketExemplars) if (at >= 0) places.push(at);
    }
    return places.length > 0;
  }

  private readExemplar(start: number, end: number): Exemplar[] {
    const { reader } = this;
    reader.seek(start, end);
    const labels = new Map<string, string>();
    let value = 0;
    let timestamp: number | undefined;
    while (reader.next()) {
      if (reader.field === EXEMPLAR.value) value = reader.double();
      else if (reader.field === EXEMPLAR.timestamp) timestamp = readTimestamp(reader);
      else if (reader.field === EXEMPLAR.label) {
        const length = reader.place();
        const after = reader.position;
        this.readLabel(after - length, after, labels);
        reader.seek(after, end);
      } else reader.skip();
    }
    if (timestamp === undefined && this.histogram !== null) return [];
    return [{ labels: Labels.fromMap(labels), value, timestamp }];
  }
}

function suffixOf(step: number, type: number): string {
  if (step === STEP_COUNT) return '_count';
  if (step === STEP_SUM) return '_sum';
  return step === STEP_BOUNDS && type !== SUMMARY ? '_bucket' : '';
}
