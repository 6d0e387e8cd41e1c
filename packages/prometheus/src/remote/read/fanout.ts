import { type Clock, type Labels, Matcher, type SampleColumns, Slices } from '@avalanche/model';
import type { QueriedSeries, Querier, Queryable, QueryableView } from '@avalanche/promql';
import { MergedSeries, type Tsdb } from '@avalanche/tsdb';
import type { PrometheusConfig } from '../../config/schema.ts';
import { ReadClient, type ReadClientMetrics, type RemoteReadConfig } from './client.ts';
import type { RemoteSeries } from './decode.ts';

/** The local database and, where `remote_read` says so, remote ones: what queries and rules read from. */
export class Fanout implements Queryable {
  private remotes: readonly Remote[] = [];

  constructor(
    private readonly tsdb: Tsdb,
    private readonly metrics: ReadClientMetrics,
    private readonly version: string,
    private readonly clock: Clock,
  ) {}

  apply({ remote_read, global }: PrometheusConfig): void {
    for (const remote of this.remotes) remote.client.close();
    this.remotes = remote_read.map((config) => ({
      config,
      client: new ReadClient(config, this.metrics, this.version),
      external: config.filter_external_labels ? Object.entries(global.external_labels) : [],
    }));
  }

  querier(minTime: number, maxTime: number): Querier {
    return this.over(this.tsdb.querier(minTime, maxTime), minTime, maxTime);
  }

  view(): QueryableView {
    const view = this.tsdb.view();
    return {
      querier: (minTime, maxTime) => this.over(view.querier(minTime, maxTime), minTime, maxTime),
      close: () => view.close(),
    };
  }

  close(): void {
    for (const remote of this.remotes) remote.client.close();
  }

  /** A remote is asked only for what is older than the blocks here, but where it says `read_recent`. */
  private over(local: Querier, minTime: number, maxTime: number): Querier {
    if (this.remotes.length === 0) return local;
    const { blocks, blockRangeMs } = this.tsdb;
    // Upstream's margin: it may take a while until all is there.
    const localFrom = (blocks.all[0]?.meta.minTime ?? this.clock.now()) + 2 * blockRangeMs;
    const asked = this.remotes.flatMap((remote) => {
      if (remote.config.read_recent) return [{ remote, minTime, maxTime }];
      return minTime > localFrom ? [] : [{ remote, minTime, maxTime: Math.min(maxTime, localFrom) }];
    });
    return asked.length === 0 ? local : new FanoutQuerier(local, asked);
  }
}

interface Remote {
  readonly config: RemoteReadConfig;
  readonly client: ReadClient;
  /** Labels that the remote has put onto what came from here. */
  readonly external: readonly (readonly [string, string])[];
}

interface Asked {
  readonly remote: Remote;
  readonly minTime: number;
  readonly maxTime: number;
}

class FanoutQuerier implements Querier {
  /** Remotes that could not be read: a query goes on without them. */
  readonly warnings: string[] = [];

  constructor(
    private readonly local: Querier,
    private readonly asked: readonly Asked[],
  ) {}

  async select(matchers: readonly Matcher[]): Promise<readonly QueriedSeries[]> {
    const [local, ...remote] = await Promise.all([
      this.local.select(matchers),
      ...this.asked.map((one) => this.readRemote(one, matchers)),
    ]);
    const lists = [[...local], ...remote].filter((list) => list.length > 0);
    return new Slices().merge(lists, byLabels, (a, b) => new MergedSeries(a.labels, [a, b]));
  }

  close(): void {
    this.local.close();
  }

  private async readRemote(
    { remote, minTime, maxTime }: Asked,
    matchers: readonly Matcher[],
  ): Promise<QueriedSeries[]> {
    const { config, client, external } = remote;
    const isRequired = ([name, value]: readonly [string, string]) =>
      matchers.some((matcher) => matcher.type === '=' && matcher.name === name && matcher.value === value);
    if (!Object.entries(config.required_matchers).every(isRequired)) return [];
    const added = external.filter(([name]) => matchers.every((matcher) => matcher.name !== name));
    const all = [...matchers, ...added.map(([name, value]) => new Matcher('=', name, value))];
    try {
      const found = await client.read(minTime, maxTime, all);
      const names = added.map(([name]) => name);
      const series = found.map((one) => new Remembered(one, one.labels.without(...names)));
      return names.length === 0 ? series : series.sort(byLabels);
    } catch (error) {
      this.warnings.push(`remote_read: ${(error as Error).message}`);
      return [];
    }
  }
}

/** A series whose samples are in memory. */
class Remembered implements QueriedSeries {
  constructor(
    private readonly series: RemoteSeries,
    readonly labels: Labels,
  ) {}

  read(minTime: number, maxTime: number, into: SampleColumns): number {
    const { t, bits, histograms, length } = this.series.columns;
    let count = 0;
    for (let i = 0; i < length; i++) {
      if (t[i] < minTime) continue;
      if (t[i] > maxTime) break;
      const histogram = histograms?.[i];
      if (histogram) into.pushHistogram(t[i], histogram);
      else into.pushBits(t[i], bits[2 * i], bits[2 * i + 1]);
      count++;
    }
    return count;
  }

  readLatest(minTime: number, maxTime: number, into: SampleColumns): number {
    return this.read(minTime, maxTime, into);
  }
}

function byLabels(a: QueriedSeries, b: QueriedSeries): number {
  return a.labels.compare(b.labels);
}
