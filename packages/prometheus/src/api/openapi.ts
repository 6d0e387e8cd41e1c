import { stringify } from 'yaml';
import type { Method } from '../routes.ts';

/** What an endpoint does, and its parameters: `!` behind one that must be given, `[]` behind one that may be repeated. */
type Description = readonly [summary: string, parameters?: string];

const MATCHING = 'match[] start end limit';
const SEARCHING =
  'search[] match[] start end limit batch_size fuzz_threshold fuzz_alg case_sensitive include_score sort_by sort_dir';

const ENDPOINTS: Readonly<Record<string, Description>> = {
  '/query': ['Evaluate an instant query', 'query! time timeout limit lookback_delta stats'],
  '/query_range': ['Evaluate a range query', 'query! start! end! step! timeout limit lookback_delta stats'],
  '/query_exemplars': ['Exemplars of the series that a query selects', 'query! start end'],
  '/format_query': ['Print a query in the usual form', 'query!'],
  '/parse_query': ['The tree of a query', 'query!'],
  '/explain_query': ['How a query is evaluated (not in Prometheus)', 'query!'],
  '/series': ['Series by their labels', 'match[]! start end limit'],
  '/labels': ['Names of labels', MATCHING],
  '/label/{name}/values': ['Values of a label', MATCHING],
  '/metadata': ['Metadata of metrics', 'metric limit limit_per_metric'],
  '/targets': ['Targets, active and dropped', 'state scrapePool'],
  '/targets/metadata': ['Metadata of metrics by target', 'match_target metric limit'],
  '/targets/relabel_steps': ['How relabelling changes the labels of a target', 'scrapePool! labels!'],
  '/scrape_pools': ['Names of the scrape pools'],
  '/scrape_pools/config': ['Configuration of a scrape pool', 'scrapePool!'],
  '/rules': [
    'Rules by group',
    'type rule_name[] rule_group[] file[] match[] exclude_alerts group_limit group_next_token',
  ],
  '/rules/history': ['The last states of an alerting rule (not in Prometheus)', 'file! group! rule!'],
  '/alerts': ['Active alerts'],
  '/alertmanagers': ['Alertmanagers, active and dropped'],
  '/features': ['What is switched on'],
  '/notifications': ['Messages about the state of the server'],
  '/notifications/live': ['The same as they come, as server-sent events'],
  '/status/config': ['The effective configuration'],
  '/status/flags': ['Flags and their values'],
  '/status/buildinfo': ['Version of the program'],
  '/status/runtimeinfo': ['State of the process'],
  '/status/tsdb': ['What makes the head of the database large', 'limit'],
  '/status/tsdb/blocks': ['Blocks of the database'],
  '/status/walreplay': ['How far the log has been read at the start'],
  '/status/self_metrics': ['The metrics of the server itself', 'metric_name_pattern'],
  '/search/metric_names': ['Names of metrics that fit', `${SEARCHING} include_metadata`],
  '/search/label_names': ['Names of labels that fit', SEARCHING],
  '/search/label_values': ['Values of a label that fit', `label! ${SEARCHING}`],
  '/admin/tsdb/delete_series': ['Delete series', 'match[]! start end'],
  '/admin/tsdb/clean_tombstones': ['Free the room of what was deleted'],
  '/admin/tsdb/snapshot': ['Make a copy of the database', 'skip_head'],
  '/openapi.yaml': ['This description'],
  '/read': ['Remote read'],
  '/write': ['Remote write'],
  '/otlp/v1/metrics': ['Metrics of OpenTelemetry'],
};

/** Served beside the routes of the API proper; their bodies are no forms. */
const BYTES: readonly string[] = ['/read', '/write', '/otlp/v1/metrics'];

/** A short OpenAPI 3.1 description of the routes that there are. @throws Error for a route that is not described */
export function openApi(routes: ReadonlyMap<string, readonly Method[]>, version: string): string {
  const paths: Record<string, unknown> = {};
  for (const [route, methods] of routes) {
    paths[pathOf(route)] = operations(pathOf(route), methods);
  }
  for (const path of BYTES) paths[path] = operations(path, ['POST']);
  return stringify(
    {
      openapi: '3.1.0',
      info: { title: 'Prometheus API', version },
      servers: [{ url: '/api/v1' }],
      paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
      components: { responses: { error: { description: 'The error and its type', content: json(ERROR) } } },
    },
    { aliasDuplicateObjects: false },
  );
}

function pathOf(route: string): string {
  return route.replace(/:(\w+)/g, '{$1}');
}

function operations(path: string, methods: readonly Method[]): Record<string, unknown> {
  const [summary, parameters = ''] = descriptionOf(path);
  const names = parameters.split(' ').filter((name) => name !== '');
  return Object.fromEntries(
    methods.map((method) => {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => parameter(`${name}!`, 'path'));
      const isForm = method === 'POST' && !path.startsWith('/admin/');
      const given = isForm ? [] : names.map((name) => parameter(name, 'query'));
      const body = isForm && names.length > 0 ? { requestBody: form(names) } : {};
      const operationId = `${method.toLowerCase()}${path.replace(/\W+(\w)/g, (_, first: string) => first.toUpperCase()).replace(/\W/g, '')}`;
      return [
        method.toLowerCase(),
        {
          operationId,
          summary,
          ...([...inPath, ...given].length > 0 ? { parameters: [...inPath, ...given] } : {}),
          ...body,
          responses: { 200: { description: 'Success' }, default: { $ref: '#/components/responses/error' } },
        },
      ];
    }),
  );
}

function descriptionOf(path: string): Description {
  const description = ENDPOINTS[path];
  if (!description) throw new Error(`BUG: ${path} is not described`);
  return description;
}

function parameter(text: string, place: 'path' | 'query') {
  const name = text.replace('!', '');
  return { name, in: place, ...(text.endsWith('!') ? { required: true } : {}), schema: schemaOf(name) };
}

function form(names: readonly string[]) {
  const properties = Object.fromEntries(
    names.map((text) => text.replace('!', '')).map((name) => [name, schemaOf(name)]),
  );
  const required = names.filter((name) => name.endsWith('!')).map((name) => name.slice(0, -1));
  const schema = { type: 'object', properties, ...(required.length > 0 ? { required } : {}) };
  return { content: { 'application/x-www-form-urlencoded': { schema } } };
}

function schemaOf(name: string) {
  return name.endsWith('[]') ? { type: 'array', items: { type: 'string' } } : { type: 'string' };
}

const ERROR = {
  type: 'object',
  required: ['status', 'errorType', 'error'],
  properties: { status: { const: 'error' }, errorType: { type: 'string' }, error: { type: 'string' } },
};

function json(schema: object) {
  return { 'application/json': { schema } };
}
