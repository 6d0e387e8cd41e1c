import {
  ClassicHistogram,
  ClassicHistogramError,
  type FloatHistogram,
  HistogramError,
  METRIC_NAME,
} from '@avalanche/model';
import { parseNumber } from './decimal.ts';
import type { Exemplar } from './exemplar.ts';
import { KeyedEntries } from './keyed-entries.ts';
import { ENTRY_END, ENTRY_SAMPLE, ENTRY_TYPE, type Entry, type ExpositionParser } from './parser.ts';
import { NO_LINES, type SampleLines } from './sample-lines.ts';

/** A sample of a classic histogram. */
interface Member {
  readonly suffix: string;
  /** Of a bucket. */
  readonly bound: number;
  /** The same for all samples of one histogram. */
  readonly key: string;
  readonly labels: ReadonlyMap<string, string>;
}

/** A histogram whose samples are being collected. */
interface Collected {
  readonly key: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly classic: ClassicHistogram;
  readonly exemplars: Exemplar[];
  readonly start: number;
  timestamp: number;
  hasTimestamp: boolean;
  /** A sample that no histogram has. */
  isBroken: boolean;
}

const SUFFIXES = ['_bucket', '_sum', '_count'];
const SEPARATOR = 0xff;

/**
 * Walks text as another parser does, and gives each classic histogram as a native one with custom buckets after its last
 * sample (upstream's `model/textparse/nhcbparse.go`). Those that contradict themselves are left out without a word.
 * @throws what the other parser throws
 */
export class CustomBucketsParser extends KeyedEntries {
  /** What the other parser has come to, until it is given. */
  private pending: Entry | undefined = undefined;
  private collected: Collected | undefined = undefined;
  /** The histogram that is given now. */
  private given: Collected | undefined = undefined;
  private family = '';
  private isHistogram = false;

  /** @param alwaysClassic whether the classic samples are given too (`always_scrape_classic_histograms`) */
  constructor(
    private readonly inner: ExpositionParser,
    private readonly alwaysClassic: boolean,
  ) {
    super();
  }

  next(previous: SampleLines = NO_LINES, place = 0): Entry {
    this.given = undefined;
    for (;;) {
      this.pending ??= this.inner.next();
      const entry = this.pending;
      const member = entry === ENTRY_SAMPLE ? this.member() : undefined;
      if (this.collected && this.collected.key !== member?.key && this.give(previous, place)) return ENTRY_SAMPLE;
      if (entry === ENTRY_END) return ENTRY_END;
      this.pending = undefined;
      if (member) this.collect(member);
      if (entry !== ENTRY_SAMPLE) return this.tell(entry);
      if (!member || this.alwaysClassic) return this.pass(previous, place);
    }
  }

  seriesMap(): ReadonlyMap<string, string> {
    return this.given?.labels ?? this.inner.seriesMap();
  }

  exemplars(): Exemplar[] {
    return this.given?.exemplars ?? this.inner.exemplars();
  }

  startTime(): number {
    return this.given?.start ?? this.inner.startTime();
  }

  private tell(entry: Entry): Entry {
    const { metric, text } = this.inner;
    this.metric = metric;
    this.text = text;
    if (entry === ENTRY_TYPE) {
      this.family = metric;
      this.isHistogram = text === 'histogram';
    }
    return entry;
  }

  /** The sample as the other parser has it. */
  private pass(previous: SampleLines, place: number): Entry {
    const { inner } = this;
    this.beginKey();
    this.putKeyBytes(inner.body, inner.seriesStart, inner.seriesEnd);
    this.endKey(previous, place);
    this.value = inner.value;
    this.histogram = null;
    this.timestamp = inner.timestamp;
    this.hasTimestamp = inner.hasTimestamp;
    this.hasExemplar = inner.hasExemplar;
    return ENTRY_SAMPLE;
  }

  private member(): Member | undefined {
    if (!this.isHistogram) return undefined;
    const labels = new Map(this.inner.seriesMap());
    const name = labels.get(METRIC_NAME) ?? '';
    const suffix = name.slice(this.family.length);
    if (!name.startsWith(this.family) || !SUFFIXES.includes(suffix)) return undefined;
    const bound = suffix === '_bucket' ? parseNumber(labels.get('le') ?? '') : 0;
    if (bound === undefined || Number.isNaN(bound)) return undefined;
    labels.set(METRIC_NAME, this.family);
    labels.delete('le');
    return { suffix, bound, key: JSON.stringify([...labels]), labels };
  }

  private collect({ suffix, bound, key, labels }: Member): void {
    const { inner } = this;
    const { value, timestamp, hasTimestamp } = inner;
    this.collected ??= {
      ...{ key, labels, timestamp, hasTimestamp, exemplars: [], isBroken: false, start: inner.startTime() },
      classic: new ClassicHistogram(),
    };
    const { classic, exemplars } = this.collected;
    this.collected.timestamp = timestamp;
    this.collected.hasTimestamp = hasTimestamp;
    // As upstream: one without a time of its own is not kept with a histogram.
    if (inner.hasExemplar) exemplars.push(...inner.exemplars().filter(({ timestamp: own }) => own !== undefined));
    try {
      if (suffix === '_count') classic.setCount(value);
      else if (suffix === '_sum') classic.setSum(value);
      else classic.addBucket(bound, value);
    } catch (error) {
      if (!(error instanceof ClassicHistogramError)) throw error;
      this.collected.isBroken = true;
    }
  }

  /** @returns whether what was collected makes a histogram */
  private give(previous: SampleLines, place: number): boolean {
    const collected = this.collected as Collected;
    this.collected = undefined;
    const histogram = collected.isBroken ? undefined : converted(collected.classic);
    if (!histogram) return false;
    this.given = collected;
    this.histogram = histogram;
    this.timestamp = collected.timestamp;
    this.hasTimestamp = collected.hasTimestamp;
    this.hasExemplar = collected.exemplars.length > 0;
    this.beginKey();
    this.putKeyByte(SEPARATOR);
    const key = Buffer.from(collected.key);
    this.putKeyBytes(key, 0, key.length);
    this.endKey(previous, place);
    return true;
  }
}

function converted(classic: ClassicHistogram): FloatHistogram | undefined {
  try {
    const histogram = classic.convert();
    histogram.validate();
    return histogram;
  } catch (error) {
    if (error instanceof ClassicHistogramError || error instanceof HistogramError) return undefined;
    throw error;
  }
}
