import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BothPrometheus, hasBoth, startBothPrometheus } from '../support/both-prometheus.ts';

const T = 1_700_000_200;
const SERIES = ['1', '2', '3'];
const openmetrics = SERIES.map((i) =>
  Array.from({ length: 20 }, (_, s) => `m_total{i="${i}",j="a b"} ${s * Number(i)} ${T - 200 + s * 15}\n`).join(''),
).join('');

const exposition = `# HELP live_total Things.
# TYPE live_total counter
live_total{a="b"} 1
# HELP live_seconds Time.
# TYPE live_seconds histogram
live_seconds_bucket{le="1"} 1
live_seconds_bucket{le="+Inf"} 2
live_seconds_sum 3
live_seconds_count 2
`;

const rules = `groups:
  - name: first
    interval: 1s
    rules:
      - { record: 'job:up:sum', expr: 'sum by (job) (up)', labels: { a: b } }
      - { alert: Always, expr: 'vector(1)', labels: { severity: page }, annotations: { summary: 'It is {{ $value }}' } }
      - { alert: Waits, expr: 'vector(1)', for: 10m, keep_firing_for: 5m }
      - { alert: Never, expr: 'vector(1) > 2' }
  - name: second
    limit: 3
    rules:
      - { record: one, expr: '1' }
`;

let both: BothPrometheus;

beforeAll(async () => {
  if (!hasBoth) return;
  both = await startBothPrometheus({
    openmetrics,
    exposition,
    rules,
    config: ({ live, dead }) => ({
      global: { scrape_interval: '1s', evaluation_interval: '1s', external_labels: { site: 'north' } },
      rule_files: ['rules.yml'],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [dead] }] }] },
      scrape_configs: [
        { job_name: 'live', static_configs: [{ targets: [live], labels: { where: 'here' } }] },
        { job_name: 'dead', static_configs: [{ targets: [dead] }] },
        {
          job_name: 'dropped',
          static_configs: [{ targets: [dead] }],
          relabel_configs: [{ action: 'drop', regex: '.*', source_labels: ['__address__'] }],
        },
      ],
    }),
  });
  for (let i = 0; i < 400 && !((await isSettled(both.ours)) && (await isSettled(both.theirs))); i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}, 60_000);

afterAll(() => both?.stop());

/** Whether all targets were scraped and all rules evaluated. */
async function isSettled(url: string): Promise<boolean> {
  const targets = await fetch(`${url}/api/v1/targets`).then((answer) => answer.text());
  const groups = await fetch(`${url}/api/v1/rules`).then((answer) => answer.text());
  const alerts = await fetch(`${url}/api/v1/query?query=ALERTS`).then((answer) => answer.text());
  const sums = await fetch(`${url}/api/v1/query?query=job:up:sum`).then((answer) => answer.text());
  const metadata = await fetch(`${url}/api/v1/metadata`).then((answer) => answer.text());
  const isScraped = ['"up"', '"down"'].every((health) => targets.includes(health)) && metadata.includes('live_total');
  const isSummed = ['live', 'dead'].every((job) => sums.includes(job));
  return (
    isScraped && isSummed && groups.split('"ok"').length > 5 && alerts.includes('Always') && alerts.includes('Waits')
  );
}

/** `METHOD path form#type`, without the form and its type where there is none. */
async function ask(url: string, request: string): Promise<Response> {
  const [method, path, body] = request.split(' ');
  const [form, type = 'application/x-www-form-urlencoded'] = body?.split('#') ?? [];
  const init = {
    method,
    redirect: 'manual' as const,
    ...(form ? { body: form, headers: { 'content-type': type } } : {}),
  };
  return fetch(`${url}${path.startsWith('/') ? path : `/api/v1/${path}`}`, init);
}

type Shape = string | readonly Shape[] | { readonly [name: string]: Shape };

/** Names and types of a value; the elements of an array are one shape after the other, each kind once. */
function shapeOf(value: unknown): Shape {
  if (value === null) return 'null';
  if (Array.isArray(value)) {
    const kinds = new Map(value.map(shapeOf).map((shape) => [JSON.stringify(shape), shape]));
    return [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, shape]) => shape);
  }
  if (typeof value !== 'object') return typeof value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, shapeOf((value as Record<string, unknown>)[name])]));
}

/** What 3.x, or ours alone, says more: the names are taken out of our answers before they are compared. */
const MORE: Readonly<Record<string, readonly string[]>> = {
  // Counted since 3.12.
  stats: ['samplesRead'],
  // Since 2.48; the last is ours.
  targets: [
    ...['droppedTargetCounts', 'scrapePool', '__scrape_native_histograms__'],
    ...['__always_scrape_classic_histograms__', '__convert_classic_histograms_to_nhcb__', 'failures'],
  ],
  // Since 2.43, 2.54 and 3.0.
  runtimeinfo: ['GOMEMLIMIT', 'hostname', 'serverTime'],
  // Ours, for the UI.
  tsdb: ['labelNameCount'],
};

/** The value without these names, wherever they are in it. */
function without(value: unknown, names: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => without(item, names));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !names.includes(name));
  return Object.fromEntries(kept.map(([name, item]) => [name, without(item, names)]));
}

/** What an answer says: a client can depend on each of it. */
async function told(answer: Response): Promise<object> {
  const text = await answer.text();
  const { status, headers } = answer;
  const header = (name: string) => headers.get(name);
  const [type, allow, location] = ['content-type', 'allow', 'location'].map(header);
  return { status, type, allow, location, text };
}

/** Requests that are refused, and answers without content: all that is said of them is as by 2.42. */
const BAD = [
  ...['GET query?query=sum(', 'GET query?query=up{', 'GET query?query=1%2B'],
  ...['GET query?query=up&timeout=-', 'GET query?query=foo(1)'],
  ...['GET query?query=rate(up)', 'GET query?query=up[5m', 'GET query?query={}', 'GET query?query=up+up+up'],
  ...['POST query query=sum(', 'POST query_range query=up', 'GET query_range', 'GET query_range?query=up&start=1'],
  ...['GET query_range?query=up&start=1&end=2'],
  ...['GET query_range?query=up&start=1&end=2&step=', 'GET query_range?query=up&start=1&end=2&step=1&timeout=x'],
  ...['GET query_exemplars?query=sum('],
  ...['GET format_query?query=sum(', 'POST format_query query=('],
  ...['GET series?match[]=sum(', 'GET series?match[]={a=}', 'POST series', 'POST series match[]={'],
  ...['GET labels?match[]={', 'GET labels?match[]={}', 'POST labels match[]={}'],
  ...['GET label/i/values?match[]={', 'GET label/i/values?match[]={}'],
  ...['GET metadata?limit=1.5', 'GET targets/metadata?limit=x', 'GET targets/metadata?match_target={'],
  ...['GET targets/metadata?metric=nothing', 'GET metadata?metric=nothing', 'GET rules?type=other'],
  ...['PUT targets', 'DELETE rules', 'PATCH alerts', 'POST alerts', 'POST metadata', 'POST status/config'],
  ...['POST scrape_pools', 'DELETE query_range', 'PUT labels', 'DELETE label/i/values'],
  ...['GET admin/tsdb/snapshot', 'GET admin/tsdb/clean_tombstones'],
  ...['POST admin/tsdb/clean_tombstones', 'PUT admin/tsdb/snapshot', 'PUT admin/tsdb/delete_series'],
  ...['DELETE admin/tsdb/delete_series', 'OPTIONS query', 'OPTIONS nothing', 'GET nothing', 'POST nothing'],
  ...['GET nothing/at/all', 'GET /api/v1/', 'GET /api/v2/query', 'GET /api/', 'GET /nothing', 'GET /graph/x'],
  ...['GET status/walreplay?x=y'],
  ...['GET /-/healthy', 'HEAD /-/healthy', 'GET /-/ready', 'HEAD /-/ready', 'POST /-/healthy', 'PUT /-/ready'],
  ...[
    'GET /-/reload',
    'POST /-/reload',
    'PUT /-/reload',
    'GET /-/quit',
    'POST /-/quit',
    'DELETE /-/quit',
    'HEAD /-/quit',
  ],
  ...['GET /-/nothing', 'POST /metrics', 'POST /federate', 'GET /federate?match[]={'],
  ...['GET /federate?match[]=sum(up)'],
  ...['GET /debug/nothing', 'PUT /debug/pprof/heap', 'GET /user/x'],
];

const MATCH = 'match[]=m_total';
const RANGE = `start=${T - 100}&end=${T}`;

describe.skipIf(!hasBoth)('the same names and types as by 2.42 (skipped where it is missing)', () => {
  const paths: readonly (readonly [path: string, more?: keyof typeof MORE])[] = [
    [`query?query=m_total&time=${T}`],
    [`query?query=m_total[1m]&time=${T}&stats=all`, 'stats'],
    [`query_range?query=m_total&${RANGE}&step=15`],
    ['query?query=up'],
    ['query?query=ALERTS'],
    [`query_exemplars?query=m_total&${RANGE}`],
    [`series?${MATCH}`],
    ['labels'],
    ['label/job/values'],
    ['metadata'],
    ['targets', 'targets'],
    ['targets?state=active', 'targets'],
    ['targets?state=dropped', 'targets'],
    ['targets/metadata'],
    ['targets/metadata?metric=live_total'],
    ['targets/metadata?match_target={job="live"}&limit=1'],
    ['alerts'],
    ['alertmanagers'],
    ['scrape_pools'],
    ['status/config'],
    ['status/buildinfo'],
    ['status/runtimeinfo', 'runtimeinfo'],
    ['status/tsdb', 'tsdb'],
    ['status/walreplay'],
  ];
  test.each(paths)('%s', async (path, more) => {
    const [ours, theirs] = await Promise.all([both.ours, both.theirs].map((url) => ask(url, `GET ${path}`)));
    expect(ours.status).toBe(theirs.status);
    expect(ours.headers.get('content-type')).toBe(theirs.headers.get('content-type'));
    const names = more ? MORE[more] : [];
    expect(shapeOf(without(await ours.json(), names))).toEqual(shapeOf(without(await theirs.json(), names)));
  });

  test('rules, where 3.x shows labels also where there are none', async () => {
    const [ours, theirs] = await Promise.all([both.ours, both.theirs].map((url) => ask(url, 'GET rules')));
    const shape = async (answer: Response) => shapeOf(without(await answer.json(), ['labels']));
    expect(await shape(ours)).toEqual(await shape(theirs));
  });

  test('rules of a type, where 3.x leaves out groups without any', async () => {
    const { data } = (await (await ask(both.ours, 'GET rules?type=alert')).json()) as {
      readonly data: { readonly groups: readonly { readonly name: string }[] };
    };
    expect(data.groups.map(({ name }) => name)).toEqual(['first']);
  });

  test.each(BAD)('%s is answered the same', async (request) => {
    const [ours, theirs] = await Promise.all([both.ours, both.theirs].map((url) => ask(url, request)));
    expect(await told(ours)).toEqual(await told(theirs));
  });

  test.each([
    ...['query?query=count(up)', 'label/job/values', 'scrape_pools', 'status/walreplay', 'labels'],
    ...['targets?state=nothing', 'alertmanagers', 'targets/metadata?metric=live_total'],
  ])('%s has the same values', async (path) => {
    const data = async (url: string) => {
      const text = await (await ask(url, `GET ${path}`)).text();
      return text.replaceAll(/127\.0\.0\.1:\d+|"value":\[[\d.]+/g, '');
    };
    const [ours, theirs] = await Promise.all([data(both.ours), data(both.theirs)]);
    if (path.startsWith('targets?')) expect(ours).toContain('"activeTargets":[],"droppedTargets":[]');
    else expect(ours).toBe(theirs);
  });

  test.each([
    'match[]={job="live",__name__=~"live.*|up"}&match[]=up',
    'match[]=job:up:sum&match[]=one',
    'match[]=ALERTS{alertname="Waits"}',
    'match[]=nothing',
    'match[]={}',
    '',
  ])('/federate?%s, which 3.x says the escaping of', async (query) => {
    const answers = await Promise.all([both.ours, both.theirs].map((url) => ask(url, `GET /federate?${query}`)));
    const [ours, theirs] = await Promise.all(answers.map((answer) => answer.text()));
    const samples = (text: string) => text.replaceAll(/ \d+$/gm, '').replaceAll('le="1"', 'le="1.0"');
    expect(samples(ours)).toBe(samples(theirs));
    const [type, theirType] = answers.map((answer) => answer.headers.get('content-type'));
    expect(type).toBe(`${theirType}; escaping=underscores`);
  });
});
