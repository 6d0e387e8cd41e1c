import { createHash } from 'node:crypto';
import { type Matcher, nextTurn, ProtoWriter, turnIsOver } from '@avalanche/model';
import { HttpClient, type HttpResponse, readText } from '@avalanche/web';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { PrometheusConfig } from '../../config/schema.ts';
import { compressSnappy, decompressSnappy } from '../proto/snappy.ts';
import { ChunkCollector, decodeSamples, type RemoteSeries, readFrames } from './decode.ts';
import { CHUNKS_TYPE, encodeReadRequest, SAMPLES_TYPE } from './messages.ts';

export type RemoteReadConfig = PrometheusConfig['remote_read'][number];

/** What an answer of samples may become at most; a stream has `chunked_read_limit` for its frames. */
const ANSWER_BYTES_MAX = 1024 ** 3;
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60];

/** `prometheus_remote_read_client_…`, of all remotes. */
export class ReadClientMetrics {
  readonly total: Counter;
  readonly running: Gauge;
  readonly seconds: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    const name = (what: string) => `prometheus_remote_read_client_${what}`;
    this.total = new Counter({
      name: name('queries_total'),
      help: 'Remote read queries.',
      labelNames: ['remote_name', 'url', 'response_type', 'code'],
      registers,
    });
    this.running = new Gauge({
      name: name('queries'),
      help: 'Remote read queries under way.',
      labelNames: ['remote_name', 'url'],
      registers,
    });
    this.seconds = new Histogram({
      name: name('request_duration_seconds'),
      help: 'How long remote read requests took; of streams until the first byte.',
      labelNames: ['remote_name', 'url', 'response_type'],
      buckets: BUCKETS,
      registers,
    });
  }
}

/** Asks one remote server for series. */
export class ReadClient {
  private readonly http: HttpClient;
  private readonly labels: { readonly remote_name: string; readonly url: string };

  constructor(
    private readonly config: RemoteReadConfig,
    private readonly metrics: ReadClientMetrics,
    version: string,
  ) {
    this.http = new HttpClient(config, `Prometheus/${version}`);
    const hash = createHash('md5').update(JSON.stringify(config)).digest('hex');
    this.labels = { remote_name: config.name || hash.slice(0, 6), url: config.url };
    metrics.running.set(this.labels, 0);
  }

  /** The series that match, sorted by labels, with their samples of the range. @throws Error */
  async read(start: number, end: number, matchers: readonly Matcher[]): Promise<RemoteSeries[]> {
    const { metrics, labels } = this;
    metrics.running.inc(labels);
    const signal = AbortSignal.timeout(this.config.remote_timeout);
    try {
      const begin = performance.now();
      const response = await this.ask(start, end, matchers, signal);
      const kind = kindOf(String(response.headers['content-type'] ?? ''));
      metrics.seconds.observe({ ...labels, response_type: kind }, (performance.now() - begin) / 1000);
      metrics.total.inc({ ...labels, response_type: kind, code: response.status });
      if (kind === 'unsupported') {
        response.body.destroy();
        throw new Error(`unsupported content type: ${response.headers['content-type'] ?? ''}`);
      }
      const found = kind === 'chunked' ? await this.chunks(response, start, end) : await samples(response);
      return found.sort((a, b) => a.labels.compare(b.labels));
    } finally {
      metrics.running.dec(labels);
    }
  }

  close(): void {
    this.http.close();
  }

  private async ask(start: number, end: number, matchers: readonly Matcher[], signal: AbortSignal) {
    const { url, headers } = this.config;
    const writer = new ProtoWriter(256);
    encodeReadRequest(writer, { start, end, matchers });
    const response = await this.http.request(url, {
      method: 'POST',
      body: compressSnappy(writer.written),
      headers: {
        ...headers,
        'content-encoding': 'snappy',
        'accept-encoding': 'snappy',
        'content-type': SAMPLES_TYPE,
        'x-prometheus-remote-read-version': '0.1.0',
      },
      signal,
    });
    const { status, statusText } = response;
    if (status >= 200 && status < 300) return response;
    const reason = (await readText(response)).replace(/^\n+|\n+$/g, '');
    throw new Error(`remote server ${url} returned http status ${status} ${statusText}: ${reason}`);
  }

  private async chunks({ body }: HttpResponse, start: number, end: number): Promise<RemoteSeries[]> {
    const collector = new ChunkCollector(start, end);
    for await (const message of readFrames(body, this.config.chunked_read_limit)) {
      collector.add(message);
      if (turnIsOver()) await nextTurn();
    }
    return collector.found;
  }
}

async function samples({ body }: HttpResponse): Promise<RemoteSeries[]> {
  const pieces: Buffer[] = [];
  for await (const piece of body as AsyncIterable<Buffer>) pieces.push(piece);
  return decodeSamples(decompressSnappy(Buffer.concat(pieces), ANSWER_BYTES_MAX));
}

function kindOf(type: string): 'sampled' | 'chunked' | 'unsupported' {
  if (type.startsWith(SAMPLES_TYPE)) return 'sampled';
  return type.startsWith(CHUNKS_TYPE) ? 'chunked' : 'unsupported';
}
