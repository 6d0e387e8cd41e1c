import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { alertOf, START } from '../testing.ts';
import { type Notification, templateData } from './data.ts';
import { NotificationTemplates, renderRouteLabels, type TemplateKind } from './templates.ts';

const templates = new NotificationTemplates();

function notification(changes: Partial<Notification> = {}): Notification {
  const startsAt = START + 500;
  const labels = { alertname: 'Disk<x>', job: 'node', instance: 'h:1' };
  const ends = { startsAt, endsAt: startsAt + 3_661_000, annotations: { summary: 's' }, generatorURL: 'http://p' };
  return {
    receiver: 'ops',
    groupKey: '{}:{alertname="Disk<x>"}',
    groupLabels: { alertname: 'Disk<x>' },
    routeLabels: {},
    reason: '',
    alerts: [{ ...alertOf(labels, ends), fingerprint: 'abc' }],
    externalUrl: 'http://am.test',
    now: startsAt,
    ...changes,
  };
}

function expanded(source: string, about = notification(), kind: TemplateKind = 'text', by = templates): string {
  return by.render(kind, source, templateData(about));
}

/** What `amtool template render` of 0.34 writes for the same notification. */
const expressions = JSON.parse(
  readFileSync(new URL('./testdata/expressions.json', import.meta.url), 'utf8'),
) as readonly (readonly [source: string, written: string])[];

test.each(expressions)('%s', (source, written) => {
  const render = () => expanded(source).replace(/\n$/, '');
  if (written.startsWith('error: ')) expect(render).toThrow(written.slice('error: '.length));
  else expect(render()).toBe(written);
});

/** The templates that upstream defines: those of users refer to them. */
const UPSTREAM_NAMES = [
  '__alertmanager',
  '__alertmanagerURL',
  '__description',
  '__subject',
  '__text_alert_list',
  '__text_alert_list_markdown',
  'discord.default.content',
  'discord.default.message',
  'discord.default.title',
  'email.default.html',
  'email.default.subject',
  'jira.default.description',
  'jira.default.priority',
  'jira.default.summary',
  'mattermost.default.color',
  'mattermost.default.fallback',
  'mattermost.default.text',
  'mattermost.default.title',
  'mattermost.default.titlelink',
  'mattermost.default.username',
  'msteams.default.summary',
  'msteams.default.text',
  'msteams.default.title',
  'msteamsv2.default.text',
  'msteamsv2.default.title',
  'opsgenie.default.description',
  'opsgenie.default.message',
  'opsgenie.default.source',
  'pagerduty.default.client',
  'pagerduty.default.clientURL',
  'pagerduty.default.description',
  'pagerduty.default.instances',
  'pushover.default.message',
  'pushover.default.title',
  'pushover.default.url',
  'rocketchat.default.alias',
  'rocketchat.default.emoji',
  'rocketchat.default.iconurl',
  'rocketchat.default.text',
  'rocketchat.default.title',
  'rocketchat.default.titlelink',
  'slack.default.callbackid',
  'slack.default.color',
  'slack.default.fallback',
  'slack.default.footer',
  'slack.default.iconemoji',
  'slack.default.iconurl',
  'slack.default.pretext',
  'slack.default.text',
  'slack.default.title',
  'slack.default.titlelink',
  'slack.default.username',
  'sns.default.message',
  'sns.default.subject',
  'telegram.default.message',
  'victorops.default.entity_display_name',
  'victorops.default.monitoring_tool',
  'victorops.default.state_message',
  'webex.default.message',
  'wechat.default.agent_id',
  'wechat.default.message',
  'wechat.default.to_party',
  'wechat.default.to_tag',
  'wechat.default.to_user',
];

test.each(UPSTREAM_NAMES)('%s can be used', (name) => {
  const data = name.startsWith('__text_alert_list')
    ? '.Alerts'
    : name === 'pagerduty.default.instances'
      ? '.Alerts.Firing'
      : '.';
  for (const kind of ['text', 'html'] as const) {
    const source = `{{ template "${name}" ${data} }}`;
    expect(() => expanded(source, notification(), kind)).not.toThrow();
  }
});

test('no alert makes the default messages fail or endless', () => {
  const evil = {
    SortedPairs: 'x',
    Names: 'y',
    Remove: 'z',
    constructor: 'c',
    __proto__x: 'p',
    long: 'l'.repeat(50_000),
  };
  const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`label_${i}`, 'v']));
  const alerts = Array.from({ length: 300 }, (_, i) => alertOf({ alertname: 'A', i: String(i), ...evil }));
  for (const odd of [{ alerts }, { alerts: [alertOf({ alertname: 'A', ...many })] }, { alerts: [alertOf({})] }]) {
    for (const name of UPSTREAM_NAMES.filter((known) => known.includes('.default.') && !known.endsWith('instances'))) {
      const kind = name.endsWith('html') ? 'html' : 'text';
      expect(expanded(`{{ template "${name}" . }}`, notification(odd), kind).length).toBeLessThan(400_000);
    }
  }
});

test('templates of users take the place of ours', () => {
  const own = new NotificationTemplates();
  own.add('own.tmpl', '{{ define "__subject" }}mine: {{ .Status }}{{ end }}');
  const source = '{{ template "pagerduty.default.description" . }}';
  expect(expanded(source, notification(), 'text', own)).toBe('mine: firing');
  expect(() => own.add('bad.tmpl', '{{ define "x" }}{{ nope }}{{ end }}')).toThrow(
    'template: bad.tmpl:1: function "nope" not defined',
  );
});

test('labels of a route are templates that may ask for each other, but not in a circle', () => {
  const routeLabels = {
    team: '{{ .CommonLabels.job | toUpper }}',
    page: '{{ routeLabels "team" }}-{{ routeLabels "none" }}!',
  };
  const rendered = renderRouteLabels(templates, notification({ routeLabels }));
  expect(rendered).toEqual({ team: 'NODE', page: 'NODE-!' });
  const asked = expanded('{{ routeLabels "page" }} {{ .RouteLabels.team }}', notification({ routeLabels: rendered }));
  expect(asked).toBe('NODE-! NODE');
  const circle = { a: '{{ routeLabels "b" }}', b: '{{ routeLabels "a" }}' };
  expect(() => renderRouteLabels(templates, notification({ routeLabels: circle }))).toThrow(
    'route label cycle detected: a -> b -> a',
  );
});

test('a template that calls itself or runs on ends with an error', () => {
  const source = (text: string) => () => expanded(text);
  expect(source('{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}')).toThrow(
    'exceeded maximum template depth',
  );
  expect(source('{{ range 3000 }}{{ range 3000 }}{{ end }}{{ end }}')).toThrow('takes too many steps');
});
