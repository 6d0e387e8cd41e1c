import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, ManualClock, silentLogger, withoutTurns } from '@avalanche/model';
import { Registry } from 'prom-client';
import type { Alert } from './alert/alert.ts';
import { fingerprint } from './alert/fingerprint.ts';
import { Alertmanager } from './alertmanager.ts';
import { loadAlertmanagerConfig } from './config/load.ts';
import type { Integration, Outcome } from './notify/integration.ts';

/** When the timelines of tests begin. */
export const START = Date.parse('2026-01-05T10:00:00Z');

export function alertOf(labels: Readonly<Record<string, string>>, times: Partial<Alert> = {}): Alert {
  const set = Labels.from(labels);
  return {
    fingerprint: fingerprint(set),
    labels: set,
    annotations: {},
    startsAt: START,
    endsAt: START + 3_600_000,
    updatedAt: START,
    timeout: false,
    generatorURL: '',
    ...times,
  };
}

/**
 * An Alertmanager on a clock that is moved by hand, whose receivers only write down what they got, as lines
 * `12s ops firing{a} resolved{b}` with the label `n` of each alert. A turn is over before the clock moves on.
 */
export class Timeline {
  private static readonly started: Timeline[] = [];
  readonly lines: string[] = [];
  /** What the receivers answer; by default they take everything. */
  answer: (receiver: string) => Outcome | Promise<Outcome> = () => ({ kind: 'sent' });
  readonly clock: ManualClock;
  readonly manager: Alertmanager;
  private readonly restoreTurns: () => void;

  private constructor(
    readonly directory: string,
    private readonly file: string,
    at: number,
  ) {
    this.clock = new ManualClock(at);
    this.restoreTurns = withoutTurns();
    this.manager = this.open();
    Timeline.started.push(this);
  }

  /** Ends all that were started in a test, with what they still write, and removes their directories. */
  static async endAll(): Promise<void> {
    const ended = Timeline.started.splice(0);
    await Promise.all(ended.map(({ manager }) => manager.stop()));
    for (const timeline of ended) {
      timeline.restoreTurns();
      rmSync(timeline.directory, { recursive: true, force: true });
    }
  }

  static async start(yaml: string, { sendResolved = true } = {}): Promise<Timeline> {
    const directory = mkdtempSync(join(tmpdir(), 'alertmanager-'));
    const file = join(directory, 'alertmanager.yml');
    writeFileSync(file, yaml);
    const timeline = new Timeline(directory, file, START);
    timeline.sendResolved = sendResolved;
    await timeline.load();
    return timeline;
  }

  private sendResolved = true;

  /** Reads the file again, as a reload does. */
  async load(yaml?: string): Promise<void> {
    if (yaml !== undefined) writeFileSync(this.file, yaml);
    await this.manager.apply(await loadAlertmanagerConfig(this.file));
  }

  /** What kill -9 leaves: another Alertmanager on the same directory; the old one's clock no longer moves. */
  async restart(): Promise<Timeline> {
    const next = new Timeline(this.directory, this.file, this.clock.now());
    next.sendResolved = this.sendResolved;
    await next.load();
    return next;
  }

  /** Reports alerts that go on firing for an hour. */
  fire(...labels: Readonly<Record<string, string>>[]): void {
    const now = this.clock.now();
    const endsAt = now + 3_600_000;
    void this.manager.alerts.put(labels.map((set) => alertOf(set, { startsAt: now, updatedAt: now, endsAt })));
  }

  resolve(...labels: Readonly<Record<string, string>>[]): void {
    const now = this.clock.now();
    void this.manager.alerts.put(labels.map((set) => alertOf(set, { startsAt: START, updatedAt: now, endsAt: now })));
  }

  async seconds(count: number): Promise<void> {
    await this.clock.advance(count * 1000);
  }

  private open(): Alertmanager {
    return new Alertmanager({
      directory: this.directory,
      clock: this.clock,
      logger: silentLogger,
      registry: new Registry(),
      version: 'test',
      externalUrl: () => 'http://alertmanager.test',
      integrations: ({ config }) => new Map(config.receivers.map(({ name }) => [name, [this.recorder(name)]])),
      random: () => 0.5,
    });
  }

  private recorder(receiver: string): Integration {
    return {
      receiver,
      kind: 'webhook',
      index: 0,
      sendResolved: this.sendResolved,
      missing: async () => undefined,
      notify: async ({ alerts, now }) => {
        const names = (ended: boolean): string =>
          alerts
            .filter((alert) => (alert.endsAt !== 0 && alert.endsAt <= now) === ended)
            .map((alert) => alert.labels.get('n'))
            .join(',');
        const [firing, resolved] = [names(false), names(true)];
        const parts = [firing && `firing{${firing}}`, resolved && `resolved{${resolved}}`].filter(Boolean);
        const outcome = await this.answer(receiver);
        const failed = outcome.kind === 'failed' ? ' (failed)' : '';
        this.lines.push(`${(this.clock.now() - START) / 1000}s ${receiver} ${parts.join(' ')}${failed}`);
        return outcome;
      },
    };
  }
}
