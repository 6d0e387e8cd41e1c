import type { Clock, Labels, Logger } from '@avalanche/model';
import type { Alert } from '../alert/alert.ts';
import type { AlertStore } from '../alert/store.ts';
import type { NotificationMetrics } from '../metrics/notifications.ts';
import type { Flush } from '../notify/pipeline.ts';
import { groupLabels, matchRoutes, type Route } from '../route/route.ts';
import { AggregationGroup } from './group.ts';

/** More groups than this are not made; their alerts stay visible but are not notified about, and the log says so. */
const GROUPS_MAX = 100_000;

interface DispatcherOptions {
  readonly route: Route;
  readonly alerts: AlertStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<NotificationMetrics, 'processing' | 'groupLimitReached'>;
  /** How often groups without alerts are forgotten, in milliseconds. */
  readonly maintenanceIntervalMs: number;
  /** No turn comes before this time (milliseconds since the epoch). */
  readonly startAt: number;
  readonly flush: (flush: Flush) => Promise<boolean>;
  /** Told of a group that will have its first turn after `group_wait`. */
  readonly prepare: (route: Route) => void;
}

/** Sorts alerts into aggregation groups. One lives as long as the configuration that it was made for. */
export class Dispatcher {
  private readonly groups = new Map<string, AggregationGroup>();
  private readonly unsubscribe: () => void;
  private cancelMaintenance = (): void => {};
  private limitSaid = false;
  private isFilled = false;

  constructor(private readonly options: DispatcherOptions) {
    this.unsubscribe = options.alerts.subscribe((alert) => this.dispatch(alert));
    this.scheduleMaintenance();
  }

  /**
   * Takes the alerts that there are, in turns of the event loop. No group has a turn before all are in: one that is
   * half filled would be told of as if the others had ended.
   */
  async fill(): Promise<void> {
    await this.options.alerts.each((alert) => this.dispatch(alert));
    this.isFilled = true;
    for (const group of this.groups.values()) group.begin();
  }

  get groupCount(): number {
    return this.groups.size;
  }

  allGroups(): AggregationGroup[] {
    return [...this.groups.values()];
  }

  /** The group of a route that an alert with these labels belongs to, where it has been made. */
  groupOf(route: Route, labels: Labels): AggregationGroup | undefined {
    return this.groups.get(groupId(route, groupLabels(route, labels)));
  }

  async stop(): Promise<void> {
    this.unsubscribe();
    this.cancelMaintenance();
    await Promise.all(this.allGroups().map((group) => group.stop()));
  }

  private dispatch(alert: Alert): void {
    const begin = performance.now();
    for (const route of matchRoutes(this.options.route, alert.labels)) this.insert(alert, route);
    const { processing } = this.options.metrics;
    processing.seconds += (performance.now() - begin) / 1000;
    processing.count++;
  }

  private insert(alert: Alert, route: Route): void {
    const { clock, flush, startAt } = this.options;
    const labels = groupLabels(route, alert.labels);
    const id = groupId(route, labels);
    let group = this.groups.get(id);
    if (!group) {
      if (this.groups.size >= GROUPS_MAX) {
        this.options.metrics.groupLimitReached.inc();
        this.sayLimit();
        return;
      }
      group = new AggregationGroup({ route, labels, clock, flush, startAt });
      this.groups.set(id, group);
      this.options.prepare(route);
    }
    group.insert(alert);
    if (this.isFilled) group.begin();
  }

  private sayLimit(): void {
    if (!this.limitSaid)
      this.options.logger.error('Too many aggregation groups, no new one is made', { max: GROUPS_MAX });
    this.limitSaid = true;
  }

  private scheduleMaintenance(): void {
    this.cancelMaintenance = this.options.clock.after(this.options.maintenanceIntervalMs, () => {
      for (const [id, group] of this.groups) {
        if (!group.isEmpty) continue;
        this.groups.delete(id);
        void group.stop();
      }
      this.scheduleMaintenance();
    });
  }
}

function groupId(route: Route, labels: Labels): string {
  return `${route.id}\n${labels.key}`;
}
