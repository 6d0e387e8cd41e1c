/** The roles in the order of the table, with the port of the original each stands for. */
export const ROLES = [
  { name: 'application', port: 8000 },
  { name: 'node-exporter', port: 9100 },
  { name: 'postgres-exporter', port: 9187 },
  { name: 'redis-exporter', port: 9121 },
  { name: 'celery-exporter', port: 9808 },
  { name: 'pushgateway', port: 9091 },
  { name: 'prometheus', port: 9090 },
  { name: 'alertmanager', port: 9093 },
  { name: 'grafana', port: 3000 },
] as const;

export type RoleName = (typeof ROLES)[number]['name'];

/** The scrape job of each role in `config/prometheus/prometheus.yml`, which reads `targets/<job>.yml`. */
export const JOBS: Readonly<Record<RoleName, string>> = {
  application: 'application',
  'node-exporter': 'node',
  'postgres-exporter': 'postgres',
  'redis-exporter': 'redis',
  'celery-exporter': 'celery',
  pushgateway: 'pushgateway',
  prometheus: 'prometheus',
  alertmanager: 'alertmanager',
  grafana: 'grafana',
};

export function isRoleName(name: string): name is RoleName {
  return ROLES.some((role) => role.name === name);
}

/**
 * What became of a role: started by us, run by somebody else already, without anything to watch, or not wanted.
 * A role that is `off` or `not configured` has no target and so raises no alert.
 */
export type RoleState =
  | { readonly state: 'running' | 'adopted'; readonly url: string }
  | { readonly state: 'not configured'; readonly how: string }
  | { readonly state: 'off' };
