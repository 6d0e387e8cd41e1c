import { type FamilyWriter, type Labels, renderLabels, type SampleSink } from '@avalanche/exposition';

/** The families of one scrape, below the namespace, and with the role of the server where that is asked for. */
export class RedisFamilies {
  /** Added to the labels of every sample from when it is known. */
  role: string | undefined;

  constructor(
    readonly writer: FamilyWriter,
    private readonly namespace: string,
  ) {}

  gauge(name: string, help: string, value: number, labels?: Labels): void {
    this.family(name, 'gauge', help).add(value, this.labels(labels));
  }

  counter(name: string, help: string, value: number, labels?: Labels): void {
    this.family(name, 'counter', help).add(value, this.labels(labels));
  }

  /** Labels as they stand in the text, for many samples that have the same ones. */
  rendered(labels: Labels): string {
    return renderLabels(this.labels(labels) ?? {});
  }

  /** @param labels from `rendered` */
  counterAt(name: string, help: string, value: number, labels: string): void {
    this.family(name, 'counter', help).addRendered(value, labels);
  }

  summary(name: string, help: string, labels: Labels, summary: Summary): void {
    const sink = this.family(name, 'summary', help);
    const own = this.rendered(labels);
    for (const [quantile, value] of summary.quantiles) sink.addRendered(value, withLabel(own, 'quantile', quantile));
    sink.addRendered(summary.sum, own, '_sum').addRendered(summary.count, own, '_count');
  }

  /** Buckets are counted up already, with their upper bounds in ascending order. */
  histogram(name: string, help: string, labels: Labels, histogram: Histogram): void {
    const sink = this.family(name, 'histogram', help);
    const own = this.rendered(labels);
    for (const [bound, count] of histogram.buckets) {
      sink.addRendered(count, withLabel(own, 'le', String(bound)), '_bucket');
    }
    sink.addRendered(histogram.count, withLabel(own, 'le', '+Inf'), '_bucket');
    sink.addRendered(histogram.sum, own, '_sum').addRendered(histogram.count, own, '_count');
  }

  private family(name: string, type: 'gauge' | 'counter' | 'summary' | 'histogram', help: string): SampleSink {
    return this.writer.family(this.namespace === '' ? name : `${this.namespace}_${name}`, type, help);
  }

  private labels(labels: Labels | undefined): Labels | undefined {
    return this.role === undefined ? labels : { ...labels, instance_role: this.role };
  }
}

/** One more label, whose value needs no escape, behind labels that are text already. */
function withLabel(rendered: string, name: string, value: string): string {
  return `${rendered === '' ? '{' : `${rendered.slice(0, -1)},`}${name}="${value}"}`;
}

interface Summary {
  /** Percentiles, as the server names them, with their values. */
  readonly quantiles: readonly (readonly [string, number])[];
  readonly sum: number;
  readonly count: number;
}

interface Histogram {
  readonly buckets: readonly (readonly [number, number])[];
  readonly sum: number;
  readonly count: number;
}
