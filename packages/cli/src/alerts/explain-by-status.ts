import type { AlertExplanation, RouteExplanation } from '@avalanche/alertmanager';
import type { AlertmanagerClient, Query } from '../amtool/client.ts';
import type { AlertJson } from '../amtool/models.ts';
import type { Explained } from './explain.ts';

const ALL_STATES: Query = ['active', 'inhibited', 'silenced', 'unprocessed'].map((name) => [name, 'true'] as const);

/** What can be said of alerts by what every Alertmanager tells: groups, replies and times are not in it. */
export async function explainByStatus(client: AlertmanagerClient, query: Query): Promise<Explained> {
  const fingerprint = query.find(([name]) => name === 'fingerprint')?.[1];
  const found = await client.alerts([...ALL_STATES, ...query.filter(([name]) => name === 'filter')]);
  const wanted = found.filter((alert) => fingerprint === undefined || alert.fingerprint === fingerprint);
  return { alerts: await Promise.all(wanted.map((alert) => explain(client, alert))), matching: wanted.length };
}

async function explain(client: AlertmanagerClient, alert: AlertJson): Promise<AlertExplanation> {
  const { fingerprint, labels, annotations, startsAt, endsAt, generatorURL = '', status, receivers } = alert;
  const [source] = status.inhibitedBy;
  const rule = { name: '', source: '{}', target: '{}', equal: [] };
  const silencedBy = await Promise.all(status.silencedBy.map((id) => client.silence(id)));
  return {
    ...{ fingerprint, labels, annotations, startsAt, endsAt, generatorURL, resolved: false },
    verdict: verdictOf(alert),
    silencedBy: silencedBy.map(({ id, comment, createdBy, endsAt: until }) => ({
      id,
      comment,
      createdBy,
      endsAt: until,
    })),
    inhibitedBy: source === undefined ? null : { fingerprint: source, labels: {}, rule },
    routes: receivers.map(({ name }) => routeTo(name, status.mutedBy ?? [])),
    notifications: [],
  };
}

function verdictOf({ status, receivers }: AlertJson): string {
  const names = receivers.map(({ name }) => name).join(', ');
  if (status.inhibitedBy.length > 0) return `Inhibited by ${status.inhibitedBy.join(', ')}.`;
  if (status.silencedBy.length > 0) return `Silenced by ${status.silencedBy.join(', ')}.`;
  if (status.mutedBy?.length) return `Out of hours by ${status.mutedBy.join(', ')}.`;
  return `It is ${status.state} and goes to ${names}; this Alertmanager does not say what became of that.`;
}

function routeTo(receiver: string, mutedBy: readonly string[]): RouteExplanation {
  const unknown = { path: [], groupKey: '', groupLabels: {}, groupWait: '', groupInterval: '', repeatInterval: '' };
  return { ...unknown, receiver, lastTurn: null, nextTurn: null, mutedBy, integrations: [] };
}
