import { type Clock, Labels } from '@avalanche/model';
import type { Alert } from '../alert/alert.ts';
import { fingerprint } from '../alert/fingerprint.ts';
import type { Alertmanager } from '../alertmanager.ts';
import { notificationRecord } from '../history/record.ts';
import { type Integration, type Outcome, TEST_REASON } from '../notify/integration.ts';
import { groupKey, groupLabels, matchRoutes, type Route } from '../route/route.ts';

const TIMEOUT_MS = 30_000;
const TALK_LINES_MAX = 500;
const HOUR_MS = 3_600_000;

/** What is to be tested: one receiver, or wherever labels lead. */
export interface TestWish {
  readonly receiver?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** How the test of one integration went. */
export interface TestResult {
  readonly receiver: string;
  readonly integration: string;
  readonly status: Outcome['kind'];
  /** What the server answered, why it failed, or what is missing. */
  readonly reply: string;
  readonly durationSeconds: number;
  /** The talk with the server, `>` what we said and `<` what it answered, secrets masked. */
  readonly talk: readonly string[];
}

export class NoSuchReceiver extends Error {
  override readonly name = 'NoSuchReceiver';

  constructor(receiver: string) {
    super(`there is no receiver ${JSON.stringify(receiver)}`);
  }
}

/**
 * Sends a notification that says it is a test through the very integrations that real ones take: once, without grouping,
 * silences and retries. Each is recorded as any other notification.
 * @throws NoSuchReceiver
 */
export async function sendTest(
  alertmanager: Alertmanager,
  wish: TestWish,
  { clock, externalUrl }: { readonly clock: Clock; readonly externalUrl: string },
): Promise<TestResult[]> {
  const alert = testAlert(wish, clock.now());
  const results = routesFor(alertmanager, wish).flatMap(({ receiver, route }) =>
    alertmanager
      .integrationsOf(receiver)
      .map((integration) => testOne(alertmanager, alert, { integration, route, clock, externalUrl })),
  );
  return Promise.all(results);
}

/** Which receivers the labels lead to; a receiver that is named has the root's way of grouping. */
function routesFor({ loaded }: Alertmanager, { receiver, labels }: TestWish): { receiver: string; route: Route }[] {
  if (receiver === undefined) {
    return matchRoutes(loaded.route, Labels.from(labels)).map((route) => ({ receiver: route.receiver, route }));
  }
  if (!loaded.config.receivers.some(({ name }) => name === receiver)) throw new NoSuchReceiver(receiver);
  return [{ receiver, route: loaded.route }];
}

/** An alert that anybody can see is none. */
function testAlert({ labels, annotations, receiver }: TestWish, now: number): Alert {
  const set = Labels.from({ alertname: 'TestNotification', severity: 'info', ...labels, avalanche_test: 'true' });
  const where = receiver === undefined ? 'these labels' : `receiver ${receiver}`;
  return {
    fingerprint: fingerprint(set),
    labels: set,
    annotations: { summary: `This is a test of ${where}; nothing is wrong.`, ...annotations },
    startsAt: now,
    endsAt: now + HOUR_MS,
    updatedAt: now,
    timeout: true,
    generatorURL: '',
  };
}

interface TestContext {
  readonly integration: Integration;
  readonly route: Route;
  readonly clock: Clock;
  readonly externalUrl: string;
}

async function testOne(
  { history }: Alertmanager,
  alert: Alert,
  { integration, route, clock, externalUrl }: TestContext,
): Promise<TestResult> {
  const at = clock.now();
  const labels = groupLabels(route, alert.labels);
  const notification = {
    receiver: integration.receiver,
    groupKey: groupKey(route, labels),
    groupLabels: labels.toJSON(),
    routeLabels: {},
    reason: TEST_REASON,
    alerts: [{ ...alert, endsAt: 0 }],
    externalUrl,
    now: at,
  };
  const talk: string[] = [];
  const begin = performance.now();
  const outcome = await within(
    integration.notify(notification, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      data: {},
      talk: (line) => {
        if (talk.length < TALK_LINES_MAX) talk.push(line);
      },
    }),
  );
  const ms = performance.now() - begin;
  if (outcome.kind !== 'not-configured') {
    history.add(notificationRecord(notification, integration, { outcome, at, attempts: 1, ms }));
  }
  return {
    receiver: integration.receiver,
    integration: `${integration.kind}[${integration.index}]`,
    status: outcome.kind,
    reply: outcome.kind === 'sent' ? (outcome.reply ?? '') : outcome.reason,
    durationSeconds: Math.round(ms) / 1000,
    talk,
  };
}

/** One that does not heed its signal is not waited for. */
async function within(outcome: Promise<Outcome>): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Outcome>((resolve) => {
    const reason = `no answer within ${TIMEOUT_MS / 1000} s`;
    timer = setTimeout(
      () => resolve({ kind: 'failed', reason, retry: false, category: 'contextDeadlineExceeded' }),
      TIMEOUT_MS + 1_000,
    );
  });
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
}
