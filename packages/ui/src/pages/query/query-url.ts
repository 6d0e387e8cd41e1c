/** One query of the page, as upstream's addresses write it: `g0.expr`, `g0.tab`, `g0.range_input`, `g0.end_input`, … */
export interface QueryState {
  readonly expr: string;
  readonly tab: 'table' | 'graph' | 'explain';
  /** A Prometheus duration. */
  readonly range: string;
  /** Evaluation time or end of the graph, `YYYY-MM-DD HH:MM:SS` in UTC; empty is now. */
  readonly end: string;
  /** Step in seconds; empty chooses one. */
  readonly step: string;
  readonly stacked: boolean;
}

export function newQuery(expr = ''): QueryState {
  return { expr, tab: 'graph', range: '1h', end: '', step: '', stacked: false };
}

const QUERIES_MAX = 20;

/** Reads Prometheus's own addresses, those of 2.x (`tab=0`) among them. At least one query, an empty one if need be. */
export function decodeQueryUrl(search: string): readonly QueryState[] {
  const params = new URLSearchParams(search);
  const queries: QueryState[] = [];
  for (let i = 0; i < QUERIES_MAX && params.has(`g${i}.expr`); i++) {
    const get = (name: string): string => params.get(`g${i}.${name}`) ?? '';
    const tab = get('tab');
    queries.push({
      expr: get('expr'),
      tab: tab === '1' || tab === 'table' ? 'table' : tab === 'explain' ? 'explain' : 'graph',
      range: get('range_input') || '1h',
      end: get('end_input') || get('moment_input'),
      step: get('res_density') === 'custom' || !params.has(`g${i}.res_density`) ? get('step_input') : '',
      stacked: get('stacked') === '1' || get('display_mode') === 'stacked',
    });
  }
  return queries.length > 0 ? queries : [newQuery(params.get('expr') ?? '')];
}

/** The search part of the address, without the question mark; upstream's page reads it too. */
export function encodeQueryUrl(queries: readonly QueryState[]): string {
  const params = new URLSearchParams();
  queries.forEach((query, i) => {
    params.set(`g${i}.expr`, query.expr);
    params.set(`g${i}.tab`, query.tab);
    params.set(`g${i}.range_input`, query.range);
    if (query.end !== '') params.set(`g${i}.end_input`, query.end);
    if (query.step !== '') params.set(`g${i}.step_input`, query.step);
    if (query.stacked) params.set(`g${i}.display_mode`, 'stacked');
  });
  return params.toString();
}
