import { type Clock, Labels, type Matcher, nextTurn, Slices, turnIsOver } from '@avalanche/model';
import type { FastifyInstance } from 'fastify';
import { type Alert, isResolved } from '../alert/alert.ts';
import { fingerprintOfMap } from '../alert/fingerprint.ts';
import type { AlertStore } from '../alert/store.ts';
import type { Alertmanager, AlertStatus } from '../alertmanager.ts';
import type { AggregationGroup } from '../dispatch/group.ts';
import { matchRoutes } from '../route/route.ts';
import { mutingIntervals } from '../timeinterval/muting.ts';
import { JsonBody } from './body.ts';
import { ApiError, SchemaError } from './errors.ts';
import { listed, sendList } from './json-list.ts';
import { filters, flag, type Query, receiverFilter, receiverLabelFilter } from './params.ts';

/** `/alerts` and `/alerts/groups` of API v2. */
export function alertRoutes(api: FastifyInstance, alertmanager: Alertmanager, clock: Clock): void {
  api.get('/alerts', async (request, reply) => {
    const found = await listAlerts(alertmanager, request.query as Query);
    return sendList(reply, listed(found, alertTexts));
  });
  api.get('/alerts/groups', async (request, reply) => {
    const found = await listGroups(alertmanager, request.query as Query, clock.now());
    return sendList(reply, listed(found, groupTexts));
  });
  api.post('/alerts', async (request, reply) => {
    // several reports that come at once are taken in turns with what else is due
    while (turnIsOver()) await nextTurn();
    const body = await JsonBody.of(request, 'alerts');
    await takeAlerts(alertmanager, body, clock.now());
    return reply.code(200).send();
  });
}

/** What the query's flags and matchers say of an alert. `unprocessed` never applies: what is shown has been looked at. */
function alertFilter(query: Query): (alert: Alert, status: AlertStatus) => boolean {
  const [active, silenced, inhibited] = [flag(query, 'active'), flag(query, 'silenced'), flag(query, 'inhibited')];
  const matchers = filters(query);
  return (alert, status) => {
    if (!active && status.state === 'active') return false;
    if (!silenced && status.silencedBy.length > 0) return false;
    if (!inhibited && status.inhibitedBy.length > 0) return false;
    return matchers.every((matcher) => matchesFilter(matcher, alert.labels));
  };
}

function matchesFilter(matcher: Matcher, labels: Labels): boolean {
  return matcher.matches(labels.get(matcher.name));
}

/** What `receiver` and `receiver_matchers` leave. */
function receiverTest({ loaded }: Alertmanager, query: Query): (name: string) => boolean {
  const hasName = receiverFilter(query);
  const hasLabels = receiverLabelFilter(query);
  const wanted = new Set(loaded.config.receivers.filter(hasLabels).map(({ name }) => name));
  return (name) => hasName(name) && wanted.has(name);
}

/** An alert as it is shown. */
interface ShownAlert {
  readonly alert: Alert;
  readonly status: AlertStatus;
  readonly receivers: readonly string[];
  readonly mutedBy: readonly string[];
}

async function listAlerts(alertmanager: Alertmanager, query: Query): Promise<readonly ShownAlert[]> {
  const keep = alertFilter(query);
  const wantsReceiver = receiverTest(alertmanager, query);
  const { route } = alertmanager.loaded;
  const found: ShownAlert[] = [];
  const slices = new Slices();
  for (const alert of alertmanager.alerts.pending()) {
    if (slices.isOver()) await slices.next();
    const status = alertmanager.statusOf(alert);
    const receivers = matchRoutes(route, alert.labels).map(({ receiver }) => receiver);
    if (!receivers.some(wantsReceiver) || !keep(alert, status)) continue;
    found.push({ alert, status, receivers, mutedBy: [] });
  }
  return slices.sort(found, (a, b) => (a.alert.fingerprint < b.alert.fingerprint ? -1 : 1));
}

interface ShownGroup {
  readonly group: AggregationGroup;
  readonly alerts: readonly ShownAlert[];
  readonly routeLabels: Readonly<Record<string, string>>;
}

async function listGroups(alertmanager: Alertmanager, query: Query, now: number): Promise<readonly ShownGroup[]> {
  const keep = alertFilter(query);
  const wantsReceiver = receiverTest(alertmanager, query);
  const showMuted = flag(query, 'muted');
  const { route, config } = alertmanager.loaded;
  const slices = new Slices();
  const found: ShownGroup[] = [];
  for (const group of alertmanager.dispatcher.allGroups()) {
    if (!wantsReceiver(group.route.receiver)) continue;
    const muted = mutingIntervals(group.route, config.timeIntervals, now);
    const mutedBy = muted.outsideActive ? group.route.activeTimeIntervals : muted.byMute;
    if (mutedBy.length > 0 && !showMuted) continue;
    const alerts: ShownAlert[] = [];
    for (const alert of group.list()) {
      if (slices.isOver()) await slices.next();
      if (isResolved(alert, now)) continue;
      const status = alertmanager.statusOf(alert);
      if (!keep(alert, status)) continue;
      const receivers = matchRoutes(route, alert.labels).map(({ receiver }) => receiver);
      alerts.push({ alert, status, receivers: receivers.sort(), mutedBy });
    }
    if (alerts.length > 0) found.push({ group, alerts, routeLabels: alertmanager.routeLabelsOf(group, now) });
  }
  return slices.sort(found, ({ group: a }, { group: b }) => {
    return a.labels.compare(b.labels) || (a.route.receiver < b.route.receiver ? -1 : 1);
  });
}

function* groupTexts({ group, alerts, routeLabels }: ShownGroup): Generator<string> {
  yield '{"alerts":';
  yield* listed(alerts, alertTexts);
  const { labels, route } = group;
  yield `,${JSON.stringify({ labels, routeLabels, receiver: { name: route.receiver } }).slice(1)}`;
}

function* alertTexts({ alert, status, receivers, mutedBy }: ShownAlert): Generator<string> {
  const { silencedBy, inhibitedBy } = status;
  yield JSON.stringify({
    annotations: alert.annotations,
    endsAt: new Date(alert.endsAt),
    fingerprint: alert.fingerprint,
    receivers: receivers.map((name) => ({ name })),
    startsAt: new Date(alert.startsAt),
    status: { inhibitedBy, mutedBy, silencedBy, state: mutedBy.length > 0 ? 'suppressed' : status.state },
    updatedAt: new Date(alert.updatedAt),
    ...(alert.generatorURL === '' ? {} : { generatorURL: alert.generatorURL }),
    labels: alert.labels,
  });
}

/** Takes what is valid of a posted list, in turns of the event loop. @throws SchemaError, or ApiError naming what was not valid */
async function takeAlerts(alertmanager: Alertmanager, body: JsonBody, now: number): Promise<void> {
  const { metrics, alerts, loaded } = alertmanager;
  const problems: string[] = [];
  const valid: Alert[] = [];
  let firing = 0;
  const reports = await parseAlerts(body, alerts, { now, resolveTimeoutMs: loaded.config.global.resolve_timeout });
  for (const report of reports) {
    if (report.endsAt > now) firing++;
    const problem = problemOf(report);
    if (problem === undefined) valid.push(report);
    else {
      problems.push(problem);
      metrics.invalid.inc({ version: 'v2' });
    }
  }
  metrics.received.inc({ status: 'firing', version: 'v2' }, firing);
  metrics.received.inc({ status: 'resolved', version: 'v2' }, reports.length - firing);
  await alerts.put(valid);
  if (problems.length > 0) throw new ApiError(400, problems.join('\n'));
}

async function parseAlerts(
  body: JsonBody,
  known: AlertStore,
  { now, resolveTimeoutMs }: { readonly now: number; readonly resolveTimeoutMs: number },
): Promise<Alert[]> {
  const list = body.array(body.value, 'Go value of type models.PostableAlerts');
  // all must be decoded before the first is judged
  const items = await mapInTurns(list, (item) => decodeAlert(body, item));
  return mapInTurns(items, (item, i) => {
    checkAlert(item, i);
    const { labels = {}, annotations, startsAt, endsAt, generatorURL } = item;
    const fingerprint = fingerprintOfMap(labels);
    return {
      fingerprint,
      labels: known.get(fingerprint)?.labels ?? Labels.from(labels),
      annotations,
      startsAt: startsAt || endsAt || now,
      endsAt: endsAt || now + resolveTimeoutMs,
      updatedAt: now,
      timeout: endsAt === 0,
      generatorURL,
    };
  });
}

async function mapInTurns<Item, Made>(items: readonly Item[], make: (item: Item, i: number) => Made): Promise<Made[]> {
  const made: Made[] = [];
  const slices = new Slices();
  for (let i = 0; i < items.length; i++) {
    made.push(make(items[i], i));
    if (slices.isOver()) await slices.next();
  }
  return made;
}

function decodeAlert(body: JsonBody, value: unknown) {
  const item = body.object(value, 'Go value of type models.PostableAlert');
  return {
    labels: item.labels === undefined || item.labels === null ? undefined : body.strings(item.labels, 'Alert.labels'),
    annotations: body.strings(item.annotations, '.annotations'),
    startsAt: body.time(item.startsAt, '.startsAt'),
    endsAt: body.time(item.endsAt, '.endsAt'),
    generatorURL: body.string(item.generatorURL, 'Alert.generatorURL'),
  };
}

/** An absolute URI or path, as far as Go's url.ParseRequestURI is strict about it. */
const URI = /^(\/|[a-z][a-z\d+.-]*:)\P{Cc}*$/iu;

function checkAlert({ labels, generatorURL }: ReturnType<typeof decodeAlert>, i: number): void {
  if (generatorURL !== '' && !URI.test(generatorURL)) {
    throw new SchemaError(601, `${i}.generatorURL in body must be of type uri: ${JSON.stringify(generatorURL)}`);
  }
  if (labels === undefined) throw new SchemaError(602, `${i}.labels in body is required`);
}

/** What is wrong with an alert, in upstream's words (model.Alert.Validate). */
function problemOf({ startsAt, endsAt, labels, annotations }: Alert): string | undefined {
  if (endsAt < startsAt) return 'start time must be before end time';
  if (labels.size === 0) return 'at least one label pair required';
  if (labels.has('')) return 'invalid label set: invalid name ""';
  if (Object.keys(annotations).includes('')) return 'invalid annotations: invalid name ""';
  return undefined;
}
