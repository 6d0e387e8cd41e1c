import { type Clock, Labels } from '@avalanche/model';
import type { FastifyInstance } from 'fastify';
import type { Alertmanager } from '../alertmanager.ts';
import { explainAlerts } from '../explain/explain.ts';
import { previewedNotification } from '../explain/preview.ts';
import { silenceReach } from '../explain/silence-reach.ts';
import { NoSuchReceiver, sendTest } from '../explain/test-notification.ts';
import { type NotificationRecord, tellsOf } from '../history/record.ts';
import { matchesAll } from '../route/route.ts';
import { templateData } from '../template/data.ts';
import { JsonBody } from './body.ts';
import { ApiError } from './errors.ts';
import type { PageGuard } from './page-guard.ts';
import { filters, numberParam, type Query, single } from './params.ts';
import { parseMatcherSet } from './silences.ts';

const LIMIT = 100;
const LIMIT_MAX = 1_000;
const EXPLAINED_MAX = 20;
/** Records looked through for one page. */
const LOOKED_THROUGH_MAX = 200_000;

export interface InsightOptions {
  readonly alertmanager: Alertmanager;
  readonly clock: Clock;
  readonly externalUrl: () => string;
  readonly guard: PageGuard;
}

/** What upstream's API does not tell: `/notifications`, `/alerts/explain`, `/receivers/test`, `/silences/reach`, `/templates/preview`. */
export function insightRoutes(api: FastifyInstance, { alertmanager, clock, externalUrl, guard }: InsightOptions): void {
  api.get('/notifications', (request) => listNotifications(alertmanager, request.query as Query));
  api.get('/alerts/explain', (request) => explain(alertmanager, request.query as Query, clock.now()));
  api.post('/silences/reach', async (request) => {
    guard.refuseOtherSites(request);
    const body = await JsonBody.of(request, 'silence');
    const set = parseMatcherSet(body, body.object(body.value, 'Go value of type models.Silence').matchers);
    try {
      return await silenceReach(alertmanager, set);
    } catch (error) {
      throw new ApiError(400, (error as Error).message);
    }
  });
  api.post('/templates/preview', async (request) => {
    guard.refuseOtherSites(request);
    const body = await JsonBody.of(request, 'preview');
    const { text, kind = 'text', notification } = body.object(body.value, 'preview');
    if (kind !== 'text' && kind !== 'html') throw new ApiError(400, 'kind must be text or html');
    const about = await previewedNotification(alertmanager, body.string(notification, 'preview.notification'), {
      now: clock.now(),
      externalUrl: externalUrl(),
    });
    try {
      const { templates } = alertmanager.loaded;
      const source = body.string(text, 'preview.text');
      return { output: await templates.renderInTurns(kind, source, templateData(about)) };
    } catch (error) {
      throw new ApiError(400, (error as Error).message);
    }
  });
  let isTesting = false;
  api.post('/receivers/test', async (request) => {
    guard.refuseOtherSites(request);
    const wish = testWish(await JsonBody.of(request, 'test'));
    if (isTesting) throw new ApiError(429, 'a test is under way');
    isTesting = true;
    try {
      return { results: await sendTest(alertmanager, wish, { clock, externalUrl: externalUrl() }) };
    } catch (error) {
      throw error instanceof NoSuchReceiver ? new ApiError(404, error.message) : error;
    } finally {
      isTesting = false;
    }
  });
}

function testWish(body: JsonBody) {
  const { receiver, labels, annotations } = body.object(body.value, 'test');
  const wanted = body.string(receiver, 'test.receiver');
  if (wanted === '' && labels === undefined) throw new ApiError(400, 'one of receiver and labels must be given');
  return {
    ...(wanted === '' ? {} : { receiver: wanted }),
    labels: body.strings(labels, 'test.labels'),
    annotations: body.strings(annotations, 'test.annotations'),
  };
}

/**
 * Records from the newest, that `receiver`, `integration`, `status`, `fingerprint`, `filter` (matchers of an alert's
 * labels) and `before` (a record's id) leave; `next` is the `before` of the page that follows.
 */
async function listNotifications({ history }: Alertmanager, query: Query) {
  const limit = Math.min(numberParam(query, 'limit') ?? LIMIT, LIMIT_MAX);
  const keep = recordFilter(query);
  const before = single(query, 'before');
  const found: NotificationRecord[] = [];
  let looked = 0;
  // records stand in the order in which notifications ended, their ids in that in which they began
  let isBehind = before === undefined;
  let next: string | null = null;
  for await (const record of history.newestFirst()) {
    if (!isBehind) {
      isBehind = record.id === before;
      continue;
    }
    if (keep(record)) found.push(record);
    if (found.length > limit) next = found[limit - 1].id;
    else if (++looked === LOOKED_THROUGH_MAX) next = record.id;
    if (next !== null) break;
  }
  return { notifications: found.slice(0, limit), next };
}

function recordFilter(query: Query): (record: NotificationRecord) => boolean {
  const [receiver, integration, status] = ['receiver', 'integration', 'status'].map((name) => single(query, name));
  const fingerprint = single(query, 'fingerprint');
  const matchers = filters(query);
  const isWanted = (wanted: string | undefined, value: string): boolean => wanted === undefined || wanted === value;
  return (record) =>
    isWanted(receiver, record.receiver) &&
    isWanted(integration, record.integration) &&
    isWanted(status, record.status) &&
    (fingerprint === undefined || tellsOf(record, fingerprint)) &&
    (matchers.length === 0 || record.alerts.some(({ labels }) => matchesAll(matchers, Labels.from(labels))));
}

/** Explains the alerts that `fingerprint` or `filter` names, ended ones that are still remembered included. */
async function explain(alertmanager: Alertmanager, query: Query, now: number) {
  const fingerprint = single(query, 'fingerprint');
  const matchers = filters(query);
  if (fingerprint === undefined && matchers.length === 0) {
    throw new ApiError(400, 'one of fingerprint and filter must be given');
  }
  const wanted = alertmanager.alerts
    .all()
    .filter((alert) => fingerprint === undefined || alert.fingerprint === fingerprint)
    .filter((alert) => matchesAll(matchers, alert.labels));
  const explained = await explainAlerts(alertmanager, wanted.slice(0, EXPLAINED_MAX), now);
  return { alerts: explained, matching: wanted.length };
}
