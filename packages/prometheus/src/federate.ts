import { type Clock, compareStrings, type Labels, METRIC_NAME, SampleColumns, Slices } from '@avalanche/model';
import { parseMatchers } from '@avalanche/promql';
import type { SelectedSeries, Tsdb, TsdbQuerier } from '@avalanche/tsdb';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Counter, type Registry } from 'prom-client';
import { Params } from './api/params.ts';
import { piecesAnswer, sendAnswer } from './api/send.ts';
import { federationFormat } from './federate-accept.ts';
import type { FederationWriter } from './federate-histogram.ts';
import { ProtobufFederation } from './federate-proto.ts';
import { TextFederation } from './federate-text.ts';
import { textError } from './routes.ts';

interface Options {
  readonly tsdb: Tsdb;
  readonly clock: Clock;
  readonly lookbackMs: number;
  readonly externalLabels: () => Readonly<Record<string, string>>;
  readonly registry: Registry;
}

const PIECE_BYTES = 32 * 1024;

/**
 * `/federate`: the latest sample of the series that match, with its time, families by name; as protobuf where that is
 * asked for first, else as text 0.0.4.
 */
export class Federation {
  private readonly errors: Counter;

  constructor(private readonly options: Options) {
    const registers = [options.registry];
    this.errors = new Counter({
      name: 'prometheus_web_federation_errors_total',
      help: 'Errors while sending federation responses.',
      registers,
    });
    new Counter({
      name: 'prometheus_web_federation_warnings_total',
      help: 'Warnings while sending federation responses.',
      registers,
    });
  }

  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { tsdb, clock, lookbackMs } = this.options;
    let sets: ReturnType<typeof parseMatchers>[];
    try {
      sets = Params.of(request).all('match[]').map(parseMatchers);
    } catch (error) {
      return textError(reply, 400, (error as Error).message);
    }
    const now = clock.now();
    const querier = tsdb.querier(now - lookbackMs, now);
    try {
      const { isProtobuf, escaping, contentType } = federationFormat(request.headers.accept);
      const writer = isProtobuf ? new ProtobufFederation(escaping) : new TextFederation(escaping);
      const series = await selected(querier, sets);
      const pieces = this.pieces(series, writer, { from: now - lookbackMs, to: now });
      return sendAnswer(request, reply, piecesAnswer(closing(pieces, querier), contentType));
    } catch (error) {
      querier.close();
      this.errors.inc();
      return textError(reply, 500, (error as Error).message);
    }
  }

  /** Series without a name and those that have gone stale are left out, as there is no way to write them. */
  private *pieces(
    series: readonly SelectedSeries[],
    writer: FederationWriter,
    { from, to }: { readonly from: number; readonly to: number },
  ): Generator<Buffer> {
    const global = Object.entries({ instance: '', ...this.options.externalLabels() });
    global.sort(([a], [b]) => compareStrings(a, b));
    const columns = new SampleColumns(16);
    for (const one of series) {
      const name = one.labels.metricName;
      if (name === '') continue;
      columns.clear();
      if (one.readLatest(from, to, columns) === 0) continue;
      const last = columns.length - 1;
      if (columns.isStale(last)) continue;
      const labels = withGlobal(one.labels, global);
      const histogram = columns.histograms?.[last];
      writer.add({ name, labels, value: columns.v[last], histogram, time: columns.t[last] });
      if (writer.size >= PIECE_BYTES) yield writer.take();
    }
    yield writer.take();
  }
}

/** Every series once, by name and then by labels. */
async function selected(querier: TsdbQuerier, sets: readonly ReturnType<typeof parseMatchers>[]) {
  const slices = new Slices();
  const lists: SelectedSeries[][] = [];
  for (const matchers of sets) {
    if (matchers.length > 0) lists.push([...(await querier.select(matchers))]); // `{}` is nothing, as upstream has it
  }
  const found = await slices.merge(
    lists,
    (a, b) => a.labels.compare(b.labels),
    (a) => a,
  );
  const byName = (a: SelectedSeries, b: SelectedSeries) =>
    compareStrings(a.labels.metricName, b.labels.metricName) || a.labels.compare(b.labels);
  return slices.sort(found, byName);
}

/** Pairs of a label and its value: those of the series, and the server's own that it does not have. */
function withGlobal(labels: Labels, global: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  const own = [...labels.entries()].filter(([name]) => name !== METRIC_NAME);
  return [...own, ...global.filter(([name]) => !labels.has(name))];
}

/** The querier is closed after the last piece, and where the client goes away. */
function* closing(pieces: Generator<Buffer>, querier: TsdbQuerier): Generator<Buffer> {
  try {
    yield* pieces;
  } finally {
    querier.close();
  }
}
