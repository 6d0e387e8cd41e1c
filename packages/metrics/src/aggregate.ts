import cluster, { type Worker as ClusterWorker } from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';
import type { Registry } from 'prom-client';
import { metricsOf } from './series/internals.ts';
import {
  CONTENT_TYPES,
  commonLabels,
  type ExpositionFormat,
  formatFor,
  joinFamilies,
  type RenderedFamily,
  sampleWriter,
} from './series/render.ts';
import { type SampleVisitor, visitSamples } from './series/samples.ts';
import { Turns } from './series/turns.ts';

const CHANNEL = 'avalanche-metrics';
const ANSWER_MS = 1_000;
const SERIES_AT_ONCE = 1_000;

/** What a process or thread has at a moment, in a form that can be sent. */
interface FamilySnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How samples of several processes become one (prom-client's `aggregator`). */
  readonly aggregator: string;
  readonly series: readonly string[];
  readonly values: readonly number[];
}

type Snapshot = readonly FamilySnapshot[];

interface Question {
  readonly kind: 'avalanche-metrics?';
  /** Of one question of one aggregator: there may be several. */
  readonly id: string;
}

interface Answer {
  readonly kind: 'avalanche-metrics!';
  readonly id: string;
  readonly from: string;
  /** With words for numbers that are not finite, which messages between processes have none for. */
  readonly snapshot: readonly SentFamily[];
}

type SentFamily = Omit<FamilySnapshot, 'values'> & { readonly values: readonly (number | string)[] };

async function snapshotOf(registry: Registry): Promise<Snapshot> {
  const families: FamilySnapshot[] = [];
  const turns = new Turns();
  for (const metric of metricsOf(registry)) {
    const series: string[] = [];
    const values: number[] = [];
    const visit: SampleVisitor = (text, value) => {
      series.push(text);
      values.push(value);
    };
    await visitSamples(metric, commonLabels(registry), visit, turns);
    const { name, help, type, aggregator = 'sum' } = metric;
    families.push({ name, help, type, aggregator, series, values });
  }
  return families;
}

/**
 * Lets the main process have the metrics of this cluster worker or worker thread, for its {@link MetricsAggregator}.
 * @returns what ends it
 */
export function shareMetrics(registry: Registry): () => void {
  if (isMainThread) return shareWithPrimary(registry);
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }: { data: unknown }) => {
    if (isQuestion(data)) void answer(data, registry, `thread ${threadId}`, (message) => channel.postMessage(message));
  };
  channel.unref();
  return () => channel.close();
}

function shareWithPrimary(registry: Registry): () => void {
  if (!cluster.isWorker) return () => {};
  const send = (message: Answer): void => {
    // the main process may be gone by now
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  };
  const listen = (message: unknown): void => {
    if (isQuestion(message)) void answer(message, registry, `worker ${cluster.worker?.id}`, send);
  };
  process.on('message', listen);
  return () => process.off('message', listen);
}

/** A metric whose `collect` throws makes a worker silent, and does not end it. */
async function answer(
  { id }: Question,
  registry: Registry,
  from: string,
  send: (message: Answer) => void,
): Promise<void> {
  try {
    const snapshot = (await snapshotOf(registry)).map((family) => ({
      ...family,
      values: family.values.map((value) => (Number.isFinite(value) ? value : String(value))),
    }));
    send({ kind: 'avalanche-metrics!', id, from, snapshot });
  } catch {
    // who asked notices that there is no answer
  }
}

export interface AggregatorOptions {
  /** Of the main process; its metrics are added to those of the others. */
  readonly registry: Registry;
  /** How long it waits for each answer, in milliseconds. Default 1000. */
  readonly timeoutMs?: number;
}

/**
 * The metrics of a main process, its cluster workers and its worker threads as one exposition, added up by prom-client's
 * `aggregator` of each metric. Merging lets other work go on. What a worker or thread had counted when it answered last is
 * kept when it ends or does not answer in time, so that a sum does not step back; what it was doing is not. How many
 * cluster workers did not answer is in `metrics_silent_workers`.
 */
export class MetricsAggregator {
  private readonly channel = new BroadcastChannel(CHANNEL);
  private readonly waiting = new Map<string, (from: string, snapshot: Snapshot) => void>();
  /** What was counted by workers and threads when they answered last, those that answered longest ago first. */
  private readonly newest = new Map<string, Snapshot>();
  /** What was counted by those that are gone. */
  private retired: readonly Snapshot[] = [];
  private isMerging = false;

  constructor(private readonly options: AggregatorOptions) {
    this.channel.onmessage = ({ data }: { data: unknown }) => this.take(data);
    this.channel.unref();
    if (!cluster.isPrimary) return;
    cluster.on('message', this.onMessage);
    cluster.on('exit', this.onExit);
  }

  /** @param accept the scraper's `Accept` header */
  async metrics(accept?: string): Promise<{ readonly contentType: string; readonly body: string }> {
    const format = formatFor(accept);
    const own = await snapshotOf(this.options.registry);
    const { answers, silent } = await this.ask();
    const unheard = [...this.newest].filter(([from]) => !answers.has(from)).map(([, snapshot]) => snapshot);
    const merged = await mergeSnapshots([own, ...answers.values(), ...unheard, ...this.retired]);
    void this.mergeRetired();
    const families = merged.map((family) => rendered(family, format));
    const help = 'Workers that did not say in time what they have counted.';
    families.push({ name: 'metrics_silent_workers', help, type: 'gauge', lines: `metrics_silent_workers ${silent}\n` });
    return { contentType: CONTENT_TYPES[format], body: joinFamilies(families, format) };
  }

  close(): void {
    this.channel.close();
    cluster.off('message', this.onMessage);
    cluster.off('exit', this.onExit);
  }

  private readonly onMessage = (_worker: ClusterWorker, message: unknown): void => this.take(message);

  private readonly onExit = (worker: ClusterWorker): void => this.retire(`worker ${worker.id}`);

  private retire(from: string): void {
    const last = this.newest.get(from);
    if (!last) return;
    this.newest.delete(from);
    this.retired = [...this.retired, last];
  }

  /** Keeps what those that are gone have counted as one. */
  private async mergeRetired(): Promise<void> {
    const { retired } = this;
    if (this.isMerging || retired.length < 2) return;
    this.isMerging = true;
    const one = await mergeSnapshots(retired);
    this.retired = [one, ...this.retired.slice(retired.length)];
    this.isMerging = false;
  }

  private take(message: unknown): void {
    if (!isAnswer(message)) return;
    const snapshot = message.snapshot.map((family) => ({ ...family, values: family.values.map(Number) }));
    this.waiting.get(message.id)?.(message.from, snapshot);
  }

  /** For when it does not answer. No process tells of threads that end: those that were silent longest are taken for gone. */
  private remember(from: string, snapshot: Snapshot): void {
    this.newest.delete(from);
    this.newest.set(from, snapshot.filter(isCounted));
    if (this.newest.size > THREADS_KNOWN_MAX + Object.keys(cluster.workers ?? {}).length) {
      this.retire([...this.newest.keys()].find((one) => one.startsWith('thread')) ?? from);
    }
  }

  /** Asks all; threads say themselves that they are there, cluster workers are known. */
  private ask(): Promise<{ readonly answers: ReadonlyMap<string, Snapshot>; readonly silent: number }> {
    const id = randomUUID();
    const question: Question = { kind: 'avalanche-metrics?', id };
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected()) as ClusterWorker[];
    const expected = new Set(workers.map((worker) => `worker ${worker.id}`));
    const answers = new Map<string, Snapshot>();
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve({ answers, silent: expected.size });
      };
      const timer = setTimeout(finish, this.options.timeoutMs ?? ANSWER_MS);
      let threadsMayAnswer = true;
      // threads are asked over a channel that does not tell who listens: those that answer within a moment are there
      const endOfThreads = setTimeout(() => {
        threadsMayAnswer = false;
        if (expected.size === 0) finish();
      }, THREADS_MS);
      endOfThreads.unref();
      this.waiting.set(id, (from, snapshot) => {
        answers.set(from, snapshot);
        expected.delete(from);
        this.remember(from, snapshot);
        if (expected.size === 0 && !threadsMayAnswer) finish();
      });
      this.channel.postMessage(question);
      // one that has just gone away cannot be asked, which is no error of ours
      for (const worker of workers) worker.send(question, () => {});
    });
  }
}

/** How long threads have to answer. */
const THREADS_MS = 100;
/** Threads whose last answer is kept apart, so that it is not counted twice when they answer again. */
const THREADS_KNOWN_MAX = 100;

function isCounted({ type, aggregator }: FamilySnapshot): boolean {
  return type !== 'gauge' && aggregator === 'sum';
}

async function mergeSnapshots(snapshots: readonly Snapshot[]): Promise<FamilySnapshot[]> {
  const families = new Map<string, { readonly first: FamilySnapshot; readonly sums: Map<string, Merged> }>();
  const turns = new Turns();
  for (const snapshot of snapshots) {
    for (const family of snapshot) {
      if (family.aggregator === 'omit') continue;
      let known = families.get(family.name);
      if (!known) {
        known = { first: family, sums: new Map() };
        families.set(family.name, known);
      }
      for (let i = 0; i < family.series.length; i++) {
        if (i % SERIES_AT_ONCE === 0) await turns.pause();
        add(known.sums, family.series[i], family.values[i], family.aggregator);
      }
    }
  }
  return [...families.values()].map(({ first, sums }) => ({
    ...first,
    series: [...sums.keys()],
    values: [...sums.values()].map(({ value, count }) => (first.aggregator === 'average' ? value / count : value)),
  }));
}

interface Merged {
  value: number;
  count: number;
}

function add(sums: Map<string, Merged>, series: string, value: number, aggregator: string): void {
  const known = sums.get(series);
  if (!known) {
    sums.set(series, { value, count: 1 });
    return;
  }
  known.count++;
  if (aggregator === 'min') known.value = Math.min(known.value, value);
  else if (aggregator === 'max') known.value = Math.max(known.value, value);
  else if (aggregator !== 'first') known.value += value;
}

function rendered({ name, help, type, series, values }: FamilySnapshot, format: ExpositionFormat): RenderedFamily {
  const write = sampleWriter(name, type, format);
  let lines = '';
  for (let i = 0; i < series.length; i++) lines += write(series[i], values[i]);
  return { name, help, type, lines };
}

function isQuestion(message: unknown): message is Question {
  return (message as Partial<Question> | null)?.kind === 'avalanche-metrics?';
}

function isAnswer(message: unknown): message is Answer {
  return (message as Partial<Answer> | null)?.kind === 'avalanche-metrics!';
}
