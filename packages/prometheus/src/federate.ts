import { type Clock, compareStrings, formatG, type Labels, METRIC_NAME, SampleColumns, Slices } from '@avalanche/model';
import { parseMatchers } from '@avalanche/promql';
import type { SelectedSeries, Tsdb, TsdbQuerier } from '@avalanche/tsdb';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Counter, type Registry } from 'prom-client';
import { Params } from './api/params.ts';
import { sendPieces } from './api/send.ts';
import { ESCAPINGS, type Escaping, metricText } from './federate-text.ts';
import { textError } from './routes.ts';

interface Options {
  readonly tsdb: Tsdb;
  readonly clock: Clock;
  readonly lookbackMs: number;
  readonly externalLabels: () => Readonly<Record<string, string>>;
  readonly registry: Registry;
}

const PIECE_CHARS = 32 * 1024;

/** `/federate`: the latest sample of the series that match, as text 0.0.4 with its time, families by name. */
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
      const escaping = escapingFor(request.headers.accept);
      const series = await selected(querier, sets);
      const lines = this.lines(series, { from: now - lookbackMs, to: now, escaping });
      reply.type(`text/plain; version=0.0.4; charset=utf-8; escaping=${escaping}`);
      return sendPieces(request, reply, closing(lines, querier));
    } catch (error) {
      querier.close();
      this.errors.inc();
      return textError(reply, 500, (error as Error).message);
    }
  }

  /** Series without a name and those that have gone stale are left out, as there is no way to write them. */
  private *lines(
    series: readonly SelectedSeries[],
    { from, to, escaping }: { readonly from: number; readonly to: number; readonly escaping: Escaping },
  ): Generator<Buffer> {
    const global = Object.entries({ instance: '', ...this.options.externalLabels() });
    global.sort(([a], [b]) => compareStrings(a, b));
    const columns = new SampleColumns(16);
    let text = '';
    let family = '';
    for (const one of series) {
      const name = one.labels.metricName;
      if (name === '') continue;
      columns.clear();
      if (one.readLatest(from, to, columns) === 0) continue;
      const last = columns.length - 1;
      if (columns.isStale(last) || columns.histograms?.[last]) continue;
      const { familyName, line } = metricText(name, withGlobal(one.labels, global), escaping);
      if (familyName !== family) text += `# TYPE ${familyName} untyped\n`;
      family = familyName;
      text += `${line} ${formatG(columns.v[last])} ${columns.t[last]}\n`;
      if (text.length < PIECE_CHARS) continue;
      yield Buffer.from(text);
      text = '';
    }
    yield Buffer.from(text);
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

/** What names become that are none of the text format: what the client asks for where it takes plain text. */
function escapingFor(accept = ''): Escaping {
  for (const clause of accept.split(',')) {
    const asked = /;\s*escaping=([\w-]+)/.exec(clause)?.[1];
    const known = ESCAPINGS.find((escaping) => escaping === asked);
    if (known) return known;
    if (/^\s*text\/plain/.test(clause)) break;
  }
  return 'underscores';
}

/** The querier is closed after the last piece, and where the client goes away. */
function* closing(pieces: Generator<Buffer>, querier: TsdbQuerier): Generator<Buffer> {
  try {
    yield* pieces;
  } finally {
    querier.close();
  }
}
