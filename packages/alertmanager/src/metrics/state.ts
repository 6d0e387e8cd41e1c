import { collectedCounters, collectedGauges } from '@avalanche/web';
import { Gauge, type Registry } from 'prom-client';
import type { ClusterPeer } from '../cluster.ts';
import type { Integration } from '../notify/integration.ts';

export interface AlertCounts {
  readonly groupKey?: string;
  readonly active: number;
  readonly suppressed: number;
  readonly unprocessed: number;
}

/** Numbers that are read from the running state when scraped. */
export interface StateNumbers {
  /** Of each alert, or with `--enable-feature=group-key-in-metrics` of each alert of each group. */
  alerts(): Promise<readonly AlertCounts[]>;
  inhibitionRules(): number;
  perAlertNameLimit: number;
  cluster: ClusterPeer | undefined;
  silences(): Readonly<Record<'active' | 'pending' | 'expired', number>>;
  groups(): number;
  receivers(): number;
  integrations(): readonly Integration[];
  isConfigured(integration: Integration): boolean;
  configHash(): number;
  reload(): { readonly success: boolean; readonly successTime: number };
}

export function stateMetrics(registry: Registry, state: StateNumbers): void {
  const registers = [registry];
  const byState = (name: string, help: string, read: () => Readonly<Record<string, number>>) =>
    new Gauge({
      name,
      help,
      labelNames: ['state'],
      registers,
      collect() {
        for (const [label, value] of Object.entries(read())) this.set({ state: label }, value);
      },
    });
  const single = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  new Gauge({
    name: 'alertmanager_alerts',
    help: 'Alerts by state.',
    labelNames: ['state', 'group_key'],
    registers,
    async collect() {
      const alerts = await state.alerts();
      this.reset();
      for (const { groupKey, ...counts } of alerts) {
        const group = groupKey === undefined ? {} : { group_key: groupKey };
        for (const [label, value] of Object.entries(counts)) this.set({ state: label, ...group }, value);
      }
    },
  });
  single('alertmanager_alerts_per_alert_limit', 'Most alerts with one alertname; 0 is no bound.', () =>
    Math.max(0, state.perAlertNameLimit),
  );
  single('alertmanager_inhibition_rules', 'Configured inhibition rules.', () => state.inhibitionRules());
  byState('alertmanager_silences', 'Silences by state.', () => state.silences());
  single('alertmanager_dispatcher_aggregation_groups', 'Aggregation groups.', () => state.groups());
  single('alertmanager_receivers', 'Configured receivers.', () => state.receivers());
  single('alertmanager_integrations', 'Configured integrations.', () => state.integrations().length);
  single('alertmanager_config_hash', 'Hash of the loaded configuration file.', () => state.configHash());
  single('alertmanager_config_last_reload_successful', 'Whether the last load of the configuration succeeded.', () =>
    Number(state.reload().success),
  );
  single(
    'alertmanager_config_last_reload_success_timestamp_seconds',
    'When the configuration was last loaded with success, in seconds since the epoch.',
    () => state.reload().successTime / 1000,
  );
  new Gauge({
    name: 'avalanche_alertmanager_integration_configured',
    help: 'Whether an integration has its secrets (1) or waits for them and sends nothing (0).',
    labelNames: ['receiver', 'integration', 'index'],
    registers,
    collect() {
      this.reset();
      for (const integration of state.integrations()) {
        const { receiver, kind, index } = integration;
        this.set({ receiver, integration: kind, index }, Number(state.isConfigured(integration)));
      }
    },
  });
  clusterMetrics(registry, state.cluster);
}

/** Upstream's counters of what happens between peers; nothing does in a cluster of one. */
const CLUSTER_COUNTERS = [
  ...['alive_messages', 'messages_pruned', 'peer_name_conflicts', 'peers_joined', 'peers_left', 'peers_update'],
  ...['reconnections', 'reconnections_failed', 'refresh_join', 'refresh_join_failed'],
];

/** What a cluster of one shows. */
function clusterMetrics(registry: Registry, peer: ClusterPeer | undefined): void {
  const enabled = 'Whether there is a cluster.';
  collectedGauges(registry, [['alertmanager_cluster_enabled', enabled, () => (peer ? 1 : 0)]]);
  if (!peer) return;
  collectedGauges(registry, [
    ['alertmanager_cluster_members', 'Members of the cluster.', () => 1],
    ['alertmanager_cluster_health_score', 'Health of the cluster; 0 is best.', () => 0],
    ['alertmanager_cluster_failed_peers', 'Peers of the cluster that have failed.', () => 0],
    ['alertmanager_cluster_messages_queued', 'Messages that wait to be sent to peers.', () => 0],
    ['alertmanager_peer_position', 'Place of this peer in the order of notifying.', () => 0],
  ]);
  collectedCounters(
    registry,
    CLUSTER_COUNTERS.map((what) => [`alertmanager_cluster_${what}_total`, 'Always 0 in a cluster of one.', () => 0]),
  );
  const info = { name: 'alertmanager_cluster_peer_info', help: 'Constantly 1.', labelNames: ['peer'] };
  new Gauge({ ...info, registers: [registry] }).set({ peer: peer.name }, 1);
}
