import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Clock, type Logger, systemClock } from '@avalanche/model';
import { seededRandom } from '../random.ts';
import { generateReads, generateReference } from './generator.ts';

export interface DemoLoadOptions {
  /** The service's own API. */
  readonly url: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly seed?: number;
}

/** Something a person or an instrument does again and again. */
interface Habit {
  readonly name: string;
  /** After the start, in seconds: a dashboard shows something of everything within the first minute. */
  readonly firstSeconds: number;
  /** Mean pause; each one is from half to one and a half of it. */
  readonly everySeconds: number;
  act(): Promise<unknown>;
}

const compress = promisify(gzip);
/** Read sets of the demonstration; each is made when it is first sent. */
const READ_SETS = 6;

/**
 * Submits jobs over HTTP as people would: analyses of generated reads, trainings, downloads, backups, looks at the job
 * list, and the mistakes that people make. All of it is real work on real (synthetic) data, at about a tenth of a core.
 */
export function startDemoLoad(options: DemoLoadOptions): { stop(): void } {
  const clock = options.clock ?? systemClock;
  const random = seededRandom(options.seed ?? 1);
  const visitor = new Visitor(options.url, random);
  const cancels = new Map<string, () => void>();
  let stopped = false;
  const plan = (habit: Habit, seconds: number): void => {
    if (stopped) return;
    const run = async (): Promise<void> => {
      try {
        await habit.act();
      } catch (error) {
        if (!stopped) options.log.debug('the demo load could not act', { habit: habit.name, error });
      }
      plan(habit, habit.everySeconds * (0.5 + random()));
    };
    cancels.set(
      habit.name,
      clock.after(seconds * 1000, () => void run()),
    );
  };
  for (const habit of habitsOf(visitor)) plan(habit, habit.firstSeconds);
  return {
    stop() {
      stopped = true;
      for (const cancel of cancels.values()) cancel();
      visitor.stop();
    },
  };
}

function habitsOf(visitor: Visitor): Habit[] {
  return [
    { name: 'look at the jobs', firstSeconds: 0.5, everySeconds: 2, act: () => visitor.get('/api/jobs?limit=20') },
    { name: 'look at one job', firstSeconds: 2, everySeconds: 3, act: () => visitor.lookAtOneJob() },
    { name: 'check the health', firstSeconds: 1, everySeconds: 10, act: () => visitor.get('/health') },
    { name: 'analyse a sample', firstSeconds: 1, everySeconds: 15, act: () => visitor.sendReads() },
    { name: 'train a model', firstSeconds: 4, everySeconds: 60, act: () => visitor.train() },
    { name: 'download', firstSeconds: 2, everySeconds: 25, act: () => visitor.download() },
    { name: 'back up', firstSeconds: 8, everySeconds: 90, act: () => visitor.post('/api/backups', { type: 'full' }) },
    { name: 'follow an old link', firstSeconds: 6, everySeconds: 30, act: () => visitor.get('/api/results/latest') },
    {
      name: 'send a spreadsheet',
      firstSeconds: 10,
      everySeconds: 60,
      act: () => visitor.sendText('sample,reads\nA,12\n'),
    },
    { name: 'send poor reads', firstSeconds: 12, everySeconds: 75, act: () => visitor.sendPoorReads() },
    { name: 'download what is gone', firstSeconds: 15, everySeconds: 120, act: () => visitor.downloadMissing() },
  ];
}

class Visitor {
  private readonly references = generateReference();
  private readonly readSets: Promise<Buffer>[] = [];
  private readonly stopping = new AbortController();
  private downloads = 0;
  private lastJob = '';

  constructor(
    private readonly url: string,
    private readonly random: () => number,
  ) {}

  stop(): void {
    this.stopping.abort();
  }

  get(path: string): Promise<unknown> {
    return this.send(path, {});
  }

  async post(path: string, body: unknown): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const job = (await this.send(path, { method: 'POST', headers, body: JSON.stringify(body) })) as { id?: string };
    if (job.id !== undefined) this.lastJob = job.id;
  }

  lookAtOneJob(): Promise<unknown> {
    return this.lastJob === '' ? Promise.resolve() : this.get(`/api/jobs/${this.lastJob}`);
  }

  async sendReads(): Promise<void> {
    const set = Math.floor(this.random() * READ_SETS);
    const reads = 2_500 + 1_200 * set;
    this.readSets[set] ??= compress(generateReads(this.references, { seed: 100 + set, reads }));
    await this.upload(await this.readSets[set]);
  }

  /** Well-formed, but of a run that went wrong: the analysis itself finds nothing to keep. */
  async sendPoorReads(): Promise<void> {
    await this.upload(Buffer.from(generateReads(this.references, { seed: 9, reads: 300, quality: 9 })));
  }

  async sendText(text: string): Promise<void> {
    await this.upload(Buffer.from(text));
  }

  /** Each training deals the held-out sequences out anew, and so comes to a slightly different accuracy. */
  train(): Promise<void> {
    return this.post('/api/trainings', { seed: Math.floor(this.random() * 1e6) });
  }

  download(): Promise<void> {
    return this.post('/api/downloads', { url: `${this.url}/demo/files/${++this.downloads}.fastq.gz` });
  }

  downloadMissing(): Promise<void> {
    return this.post('/api/downloads', { url: `${this.url}/demo/files/withdrawn.fastq.gz` });
  }

  private async upload(body: Buffer): Promise<void> {
    const headers = { 'content-type': 'application/octet-stream' };
    const sent = this.send('/api/analyses', { method: 'POST', headers, body: new Uint8Array(body) });
    const job = (await sent) as { id?: string };
    if (job.id !== undefined) this.lastJob = job.id;
  }

  private async send(path: string, init: RequestInit): Promise<unknown> {
    const headers = { ...init.headers, 'user-agent': `avalanche-demo/${1 + Math.floor(this.random() * 5)}` };
    const response = await fetch(this.url + path, { ...init, headers, signal: this.stopping.signal });
    return response.json();
  }
}
