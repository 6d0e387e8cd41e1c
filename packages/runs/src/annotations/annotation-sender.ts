import type { Clock, Logger } from '@avalanche/model';
import { HttpClient, readText } from '@avalanche/web';
import type { RunAnnotation } from './run-annotation.ts';

export interface AnnotationSenderOptions {
  /** Of a Grafana, such as `https://grafana.example.org/sub`; a user and password may stand in it. */
  readonly url: URL;
  /** Of a service account. */
  readonly token?: string | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const ANSWER_MS = 10_000;
/** Between one try and the next; after the last the annotation is given up. */
const PAUSES_MS = [1_000, 5_000, 30_000, 120_000];
/** More than these that wait are forgotten, oldest first. */
const QUEUE_MAX = 1_000;

/** Tells a Grafana of annotations, one after the other, in the background. What it will not take is told in the log. */
export class AnnotationSender {
  private readonly queue: RunAnnotation[] = [];
  private readonly ending = new AbortController();
  private readonly client = new HttpClient();
  private readonly address: URL;
  private isSending = false;

  constructor(private readonly options: AnnotationSenderOptions) {
    const { url } = options;
    this.address = new URL('api/annotations', url.href.endsWith('/') ? url : `${url.href}/`);
  }

  /** Takes it and returns at once. */
  send(annotation: RunAnnotation): void {
    this.queue.push(annotation);
    if (this.queue.length > QUEUE_MAX) this.queue.shift();
    if (!this.isSending) void this.drain();
  }

  /** What still waits is not sent any more. */
  close(): void {
    this.ending.abort();
    this.client.close();
  }

  private async drain(): Promise<void> {
    this.isSending = true;
    for (let next = this.queue.shift(); next && !this.ending.signal.aborted; next = this.queue.shift()) {
      await this.deliver(next);
    }
    this.isSending = false;
  }

  private async deliver(annotation: RunAnnotation): Promise<void> {
    const body = JSON.stringify(annotation);
    for (const pauseMs of [...PAUSES_MS, undefined]) {
      const problem = await this.post(body);
      if (!problem || this.ending.signal.aborted) return;
      if (pauseMs === undefined || problem.isFinal) {
        this.options.logger.warn('A run is not annotated', { run: annotation.text, reason: problem.reason });
        return;
      }
      await this.pause(pauseMs);
    }
  }

  private async post(body: string): Promise<{ readonly reason: string; readonly isFinal: boolean } | undefined> {
    const { token } = this.options;
    try {
      const response = await this.client.request(this.address, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
        body,
        signal: AbortSignal.any([this.ending.signal, AbortSignal.timeout(ANSWER_MS)]),
      });
      const text = await readText(response);
      if (response.status < 300) return undefined;
      const isFinal = response.status < 500 && response.status !== 429;
      return { reason: `${response.status} ${text.slice(0, 200)}`, isFinal };
    } catch (error) {
      return { reason: (error as Error).message, isFinal: false };
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.options.clock.after(ms, resolve);
      this.ending.signal.addEventListener('abort', () => {
        cancel();
        resolve();
      });
    });
  }
}
