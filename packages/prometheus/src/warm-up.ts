import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@avalanche/model';
import type { Tsdb } from '@avalanche/tsdb';
import type { FastifyInstance } from 'fastify';

/** How long requests may take together, in milliseconds; as much again is left to others in between. */
const BUDGET_MS = 500;
const SMALL_BUDGET_MS = 600;
const SMALL_TURN_MS = 3;
const AFTER_START_MS = 200;
/** Metrics that are asked for, and how many series they may have. */
const METRICS = 4;
const SERIES_MAX = 500;
const RANGE_S = 900;
const STEP_S = 15;

/**
 * Asks the API, soon after the start and while it has nothing else to do, what dashboards will ask, over the newest data that
 * there is: the first who comes after a restart does not wait for code that was never run. V8 compiles what has run a few
 * hundred times, which makes small queries three to five times faster. Asks through a socket in a directory of its own, of an
 * API that nobody else reaches and whose queries are neither logged nor counted. Nothing is asked where there is no data.
 */
export class WarmUp {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  /** @param api an app with the routes of the API; it is closed at the end */
  constructor(
    private readonly tsdb: Tsdb,
    private readonly api: () => Promise<FastifyInstance>,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.running = this.run().catch((error: unknown) => {
      if (!this.stopping.signal.aborted) this.logger.debug('The first requests after the start failed', { error });
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    await this.pause(AFTER_START_MS);
    const end = newestTime(this.tsdb);
    if (end === null) return;
    const directory = mkdtempSync(join(tmpdir(), 'avalanche-warm-up-'));
    const agent = new Agent({ keepAlive: true });
    try {
      const app = await this.api();
      try {
        const socketPath = join(directory, 'socket');
        await app.listen({ path: socketPath });
        const request = (path: string) => answer(socketPath, agent, path);
        const time = `${end / 1000}`;
        const sizes = sizesOf(await request(path('/query', { query: 'count by (__name__) ({__name__!=""})', time })));
        await this.ask(request, requests(chooseMetrics(sizes), end / 1000));
        await this.askSmall(socketPath, smallRequests(smallest(sizes), end / 1000));
      } finally {
        agent.destroy();
        await app.close();
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  private async ask(request: (path: string) => Promise<string>, paths: readonly string[]): Promise<void> {
    for (let spent = 0, i = 0; spent < BUDGET_MS && paths.length > 0; i++) {
      const start = performance.now();
      await request(paths[i % paths.length]);
      const took = performance.now() - start;
      spent += took;
      await this.pause(took);
    }
  }

  /** What variables and completion ask takes next to nothing, and so becomes fast only by being asked thousands of times. */
  private async askSmall(socketPath: string, paths: readonly string[]): Promise<void> {
    const socket = connect(socketPath);
    socket.on('error', () => {}); // its end is told by the next wait
    const { signal } = this.stopping;
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    try {
      for (let spent = 0, i = 0; spent < SMALL_BUDGET_MS; ) {
        const start = performance.now();
        for (const until = start + SMALL_TURN_MS; performance.now() < until; i++) {
          socket.write(`GET /api/v1${paths[i % paths.length]} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
          await answered(socket);
        }
        const took = performance.now() - start;
        spent += took;
        await this.pause(took);
      }
    } finally {
      socket.destroy();
    }
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopping.signal, ref: false });
  }
}

/** @throws Error where the connection ends */
function answered(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = () => reject(new Error('the connection was closed'));
    if (socket.destroyed) onClose();
    socket.once('close', onClose);
    socket.once('data', () => {
      socket.off('close', onClose);
      resolve();
    });
  });
}

/** The time of the newest sample in milliseconds, or null. */
function newestTime({ head, blocks }: Tsdb): number | null {
  const newest = Math.max(head.maxTime, ...blocks.all.map(({ meta }) => meta.maxTime - 1));
  return Number.isFinite(newest) ? newest : null;
}

function sizesOf(body: string): ReadonlyMap<string, number> {
  const { data } = JSON.parse(body) as {
    data: { result: { metric: { __name__: string }; value: [number, string] }[] };
  };
  return new Map(data.result.map(({ metric, value }) => [metric.__name__, Number(value[1])]));
}

/** A few metrics of middling size, and a histogram where there is one. */
function chooseMetrics(sizes: ReadonlyMap<string, number>): readonly string[] {
  const bySize = [...sizes].filter(([, size]) => size <= SERIES_MAX).sort(([, a], [, b]) => b - a);
  const names = bySize.map(([name]) => name);
  const isBucket = (name: string) => name.endsWith('_bucket');
  return [...names.filter((name) => !isBucket(name)).slice(0, METRICS), ...names.filter(isBucket).slice(0, 1)];
}

function requests(metrics: readonly string[], time: number): readonly string[] {
  const paths: string[] = [];
  for (const metric of metrics) {
    paths.push(path('/series', { 'match[]': metric, start: `${time - RANGE_S}`, end: `${time}` }));
    for (const query of queriesOf(metric)) {
      paths.push(path('/query', { query, time: `${time}` }));
      paths.push(path('/query_range', { query, start: `${time - RANGE_S}`, end: `${time}`, step: `${STEP_S}` }));
    }
  }
  return paths;
}

/** The metric with the fewest series; '' where there is none. */
function smallest(sizes: ReadonlyMap<string, number>): string {
  return [...sizes].reduce((least, one) => (one[1] < least[1] ? one : least), ['', Number.POSITIVE_INFINITY])[0];
}

/** Their answers are small enough to come in one piece, mostly. */
function smallRequests(metric: string, time: number): readonly string[] {
  const selector = `{__name__=${JSON.stringify(metric)}}`;
  const queries = [selector, `absent({__name__=${JSON.stringify(metric)},job="-"})`, `count(${selector})`];
  return [
    ...[`/labels?${window(time)}`, `/label/job/values?${window(time)}`],
    ...queries.map((query) => path('/query', { query, time: `${time}` })),
  ];
}

/** What panels and rules are made of. */
function queriesOf(metric: string): readonly string[] {
  const selector = `{__name__=${JSON.stringify(metric)}}`;
  if (metric.endsWith('_bucket')) return [`histogram_quantile(0.9, sum by (job, le) (rate(${selector}[5m])))`];
  return [
    ...[selector, `${selector} > 0`, `absent({__name__=${JSON.stringify(metric)},job="-"})`],
    `count by (job) ({__name__=${JSON.stringify(metric)},job=~".+",instance!~"-.*"})`,
    `sum by (job) (rate(${selector}[5m]))`,
    `topk(3, max_over_time(${selector}[5m]))`,
    `label_replace(${selector}, "was", "$1", "job", "(.*)")`,
    `${selector} / on (job, instance) group_left () sum by (job, instance) (${selector})`,
    `max_over_time(rate(${selector}[5m])[10m:1m])`,
  ];
}

function path(endpoint: string, params: Readonly<Record<string, string>>): string {
  return `${endpoint}?${new URLSearchParams(params)}`;
}

function window(time: number): string {
  return `start=${time - RANGE_S}&end=${time}`;
}

/** The body of an answer, whatever its status. */
function answer(socketPath: string, agent: Agent, target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ socketPath, agent, path: `/api/v1${target}` }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve(Buffer.concat(parts).toString()));
    });
    request.on('error', reject);
  });
}
