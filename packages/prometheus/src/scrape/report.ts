import { type Labels, METRIC_NAME } from '@avalanche/model';
import { type Appender, type SeriesMetadata, UNKNOWN_SERIES } from '@avalanche/tsdb';
import { REF_UNKNOWN } from './cache.ts';

const DESCRIPTIONS = [
  ['up', 'targets', 'Health of the scrape target. 1 means the target is healthy, 0 if the scrape failed.'],
  ['scrape_duration_seconds', 'seconds', 'Duration of the last scrape in seconds.'],
  ['scrape_samples_scraped', 'samples', 'Number of samples last scraped.'],
  [
    'scrape_samples_post_metric_relabeling',
    'samples',
    'Number of samples remaining after metric relabeling was applied.',
  ],
  ['scrape_series_added', 'series', 'Number of series in the last scrape.'],
  ['scrape_timeout_seconds', 'seconds', 'The configured scrape timeout for a target.'],
  [
    'scrape_sample_limit',
    'samples',
    'The configured sample limit for a target. Returns zero if there is no limit configured.',
  ],
  [
    'scrape_body_size_bytes',
    'bytes',
    'The uncompressed size of the last scrape response, if successful. Scrapes failing because body_size_limit is exceeded report -1, other scrape failures report 0.',
  ],
] as const;
/** Those that every target has; the rest are those of `extra_scrape_metrics`. */
const ALWAYS = 5;

/** What a target's own series say of a scrape. */
export interface ScrapeReport {
  readonly up: boolean;
  readonly seconds: number;
  readonly scraped: number;
  readonly kept: number;
  readonly added: number;
  readonly bytes: number;
}

/** The synthetic series of a target: `up` and those about its scrapes. */
export class ReportSeries {
  private readonly labels: readonly Labels[];
  private readonly refs: number[];

  constructor(
    target: Labels,
    private readonly appender: Appender,
    private readonly options: {
      readonly extra: boolean;
      readonly timeoutSeconds: number;
      readonly sampleLimit: number;
      readonly withMetadata: boolean;
    },
  ) {
    const described = DESCRIPTIONS.slice(0, options.extra ? DESCRIPTIONS.length : ALWAYS);
    this.labels = described.map(([name]) => target.with({ [METRIC_NAME]: name }));
    this.refs = described.map(() => REF_UNKNOWN);
  }

  append(time: number, { up, seconds, scraped, kept, added, bytes }: ScrapeReport): void {
    const { timeoutSeconds, sampleLimit } = this.options;
    const values = [up ? 1 : 0, seconds, scraped, kept, added, timeoutSeconds, sampleLimit, bytes];
    this.labels.forEach((labels, i) => {
      const ref = this.refs[i];
      if (ref === REF_UNKNOWN || this.appender.append(ref, time, values[i]) === UNKNOWN_SERIES) {
        this.refs[i] = this.register(i, labels);
        this.appender.append(this.refs[i], time, values[i]);
      }
    });
  }

  /** Goes on with the series of another loop of the same target. @returns those of them that are not written any more */
  inherit({ refs }: ReportSeries): number[] {
    for (let i = 0; i < this.refs.length && i < refs.length; i++) this.refs[i] = refs[i];
    return refs.slice(this.refs.length).filter((ref) => ref !== REF_UNKNOWN);
  }

  /** Ends the series with staleness markers. */
  end(time: number): void {
    for (const ref of this.refs) if (ref !== REF_UNKNOWN) this.appender.appendStale(ref, time);
  }

  private register(i: number, labels: Labels): number {
    const ref = this.appender.seriesRef(labels);
    if (this.options.withMetadata) this.appender.appendMetadata(ref, metadataOf(i));
    return ref;
  }
}

function metadataOf(i: number): SeriesMetadata {
  const [, unit, help] = DESCRIPTIONS[i];
  return { type: 'gauge', unit, help };
}
