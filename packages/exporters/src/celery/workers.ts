import type { FamilyWriter } from '@avalanche/exposition';
import { type CeleryEvent, hostOf } from './event.ts';
import type { WorkerReport } from './inspect.ts';
import { workerUsage } from './worker-process.ts';

export interface WorkersOptions {
  readonly prefix: string;
  readonly staticLabels: Readonly<Record<string, string>>;
  /** A worker without a sign of life for this long is down (`--worker-timeout`); 0: never. Milliseconds. */
  readonly timeoutMs: number;
  /** A worker that was not seen for this long is forgotten (`--purge-offline-worker-metrics`); 0: never. Milliseconds. */
  readonly purgeMs: number;
  /** For how long what a worker said of itself holds, in milliseconds. */
  readonly reportTtlMs: number;
}

/** Workers that serve a queue, and the processes of their pools. */
export interface Service {
  workers: number;
  processes: number;
}

const WORKERS_MAX = 10_000;
/** A worker's clock is taken as right up to this; its messages need some time themselves. */
const SKEW_MIN_MS = 2_000;

/**
 * A process of a silent name-sake is forgotten after this, while another one of the same name is heard: it was started again,
 * or there were two of them. Workers send a heartbeat every two seconds.
 */
const NAMESAKE_TTL_MS = 10_000;

interface WorkerProcess {
  /** Tasks that it works on; NaN where that is not known. */
  readonly active: number;
  readonly seenAt: number;
}

class Worker {
  up = true;
  /** By process id: nothing keeps two workers, of two pods, from having one name. */
  readonly processes = new Map<number, WorkerProcess>();
  /** Milliseconds, by our clock. */
  seenAt = 0;
  /** The event's own time when it said that it stops, in seconds; heartbeats from before are late. */
  offlineAt = Number.NEGATIVE_INFINITY;
  /** What its clock lacks to ours, in milliseconds. */
  skewMs = 0;
  report: WorkerReport | null = null;
  reportedAt = Number.NEGATIVE_INFINITY;
  cpuSeconds = 0;

  constructor(readonly name: string) {}

  get active(): number {
    let sum = 0;
    for (const { active } of this.processes.values()) sum += active;
    return sum;
  }

  /** A sign of life. */
  seen(pid: number, active: number, now: number): void {
    this.up = true;
    this.seenAt = now;
    this.processes.set(pid, { active, seenAt: now });
    for (const [other, { seenAt }] of this.processes) {
      if (now - seenAt > NAMESAKE_TTL_MS) this.processes.delete(other);
    }
  }

  get host(): string {
    return hostOf(this.name);
  }
}

/** Workers by their full name. Several may share a host name, which is all that the original's labels tell of them. */
export class Workers {
  private readonly workers = new Map<string, Worker>();

  constructor(private readonly options: WorkersOptions) {}

  /** Takes in `worker-online`, `worker-heartbeat` or `worker-offline`. @param now milliseconds, by our clock */
  take(event: CeleryEvent, now: number): void {
    const worker = this.touch(event.hostname);
    if (!worker) return;
    const pid = event.pid ?? 0;
    if (event.type === 'worker-offline') {
      worker.processes.delete(pid);
      worker.up = worker.processes.size > 0;
      if (!worker.up) worker.offlineAt = event.timestamp;
      return;
    }
    if (event.timestamp <= worker.offlineAt) return;
    const skewMs = now - event.timestamp * 1000;
    worker.skewMs = Math.abs(skewMs) > SKEW_MIN_MS ? skewMs : 0;
    worker.seen(pid, event.active ?? 0, now);
  }

  /** Takes in what a worker said when it was asked. @param askedAt milliseconds */
  reported(name: string, report: WorkerReport, askedAt: number, now: number): void {
    const worker = this.touch(name);
    if (!worker || worker.offlineAt * 1000 + worker.skewMs >= askedAt) return;
    worker.report = report;
    worker.reportedAt = now;
    const pid = report.pid ?? 0;
    worker.seen(pid, report.active?.length ?? worker.processes.get(pid)?.active ?? 0, now);
  }

  /** A worker that somebody else watches is alive, or is gone. @param active NaN where it is not known, null where it is gone */
  watched(name: string, active: number | null, now: number): void {
    const worker = this.touch(name);
    if (!worker) return;
    if (active === null) worker.up = false;
    else worker.seen(0, active, now);
  }

  /** When something happened, in milliseconds by our clock, that a worker dates in seconds by its own. */
  timeAt(name: string, seconds: number): number {
    return seconds * 1000 + (this.workers.get(name)?.skewMs ?? 0);
  }

  /**
   * Takes down who was not seen for too long, and forgets who was not seen for longer.
   * @returns names of workers that are down, and hosts of which no worker is left
   */
  expire(now: number): { readonly down: readonly string[]; readonly goneHosts: readonly string[] } {
    const { timeoutMs, purgeMs } = this.options;
    const gone: string[] = [];
    for (const worker of this.workers.values()) {
      const silentMs = now - worker.seenAt;
      if (timeoutMs > 0 && silentMs > timeoutMs) worker.up = false;
      if (purgeMs === 0 || silentMs <= purgeMs) continue;
      this.workers.delete(worker.name);
      gone.push(worker.host);
    }
    const hosts = new Set([...this.workers.values()].map(({ host }) => host));
    const down = [...this.workers.values()].filter(({ up }) => !up).map(({ name }) => name);
    return { down, goneHosts: gone.filter((host) => !hosts.has(host)) };
  }

  /** Who serves each queue, by what workers said lately. */
  services(now: number): Map<string, Service> {
    const out = new Map<string, Service>();
    for (const { up, report, reportedAt } of this.workers.values()) {
      if (!up || !report || now - reportedAt > this.options.reportTtlMs) continue;
      for (const queue of report.queues) {
        const service = out.get(queue) ?? { workers: 0, processes: 0 };
        service.workers++;
        service.processes += report.processIds.length;
        out.set(queue, service);
      }
    }
    return out;
  }

  write(families: FamilyWriter, now: number): void {
    this.writeHosts(families);
    const { prefix, staticLabels } = this.options;
    const gauge = (name: string, help: string) => families.gauge(`${prefix}${name}`, help);
    for (const worker of this.workers.values()) {
      const labels = { hostname: worker.host, worker: worker.name, ...staticLabels };
      gauge('worker_instance_up', 'Whether this one worker is up; several can share a host name.').add(
        worker.up ? 1 : 0,
        labels,
      );
      gauge('worker_last_seen_timestamp_seconds', 'When a worker gave its last sign of life.').add(
        worker.seenAt / 1000,
        labels,
      );
      if (!worker.up || now - worker.reportedAt > this.options.reportTtlMs) continue;
      this.writeReport(families, worker, labels);
    }
  }

  private writeHosts(families: FamilyWriter): void {
    const hosts = new Map<string, { up: boolean; active: number }>();
    for (const { host, up, active } of this.workers.values()) {
      const sum = hosts.get(host) ?? { up: false, active: 0 };
      sum.up ||= up;
      if (up) sum.active += active;
      hosts.set(host, sum);
    }
    const { prefix, staticLabels } = this.options;
    const up = families.gauge(`${prefix}worker_up`, 'Whether a worker of this host gave a sign of life of late.');
    const active = families.gauge(`${prefix}worker_tasks_active`, 'Tasks that the workers of a host work on.');
    for (const [hostname, sum] of hosts) {
      up.add(sum.up ? 1 : 0, { hostname, ...staticLabels });
      if (!Number.isNaN(sum.active)) active.add(sum.active, { hostname, ...staticLabels });
    }
  }

  private writeReport(families: FamilyWriter, worker: Worker, labels: Readonly<Record<string, string>>): void {
    const { report } = worker;
    const { prefix } = this.options;
    if (!report) return;
    if (report.prefetched !== null) {
      families
        .gauge(`${prefix}worker_tasks_prefetched`, 'Tasks that a worker has taken from the broker and not begun.')
        .add(report.prefetched, labels);
    }
    const usage = report.pid === null ? null : workerUsage(worker.name, report.pid, report.processIds);
    if (!usage) return;
    worker.cpuSeconds = Math.max(worker.cpuSeconds, usage.cpuSeconds);
    families
      .counter(`${prefix}worker_cpu_seconds_total`, 'CPU time of a worker on this machine, its pool included.')
      .add(worker.cpuSeconds, labels);
    families
      .gauge(`${prefix}worker_memory_bytes`, 'Resident memory of a worker on this machine, its pool included.')
      .add(usage.memoryBytes, labels);
  }

  private touch(name: string): Worker | null {
    const found = this.workers.get(name);
    if (found) return found;
    if (this.workers.size >= WORKERS_MAX) return null;
    const worker = new Worker(name);
    this.workers.set(name, worker);
    return worker;
  }
}
