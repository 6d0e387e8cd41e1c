import { join } from 'node:path';
import type { RunningAlertmanager } from '@avalanche/alertmanager';
import {
  startCeleryExporter,
  startNodeExporter,
  startPostgresExporter,
  startRedisExporter,
} from '@avalanche/exporters';
import type { RunningGrafana } from '@avalanche/grafana';
import type { Logger } from '@avalanche/model';
import type { RunningPrometheus } from '@avalanche/prometheus';
import { type RunningRole, StartupError } from '@avalanche/web';
import { compileLate } from '../compile-late.ts';
import { uiDirectory, VERSION } from '../version.ts';
import { startApplicationProcess } from './application.ts';
import { type Found, findPostgres, findRedis } from './databases.ts';
import type { UpOptions } from './options.ts';
import { acceptsConnections, answersMetrics, urlHost } from './probe.ts';
import { ROLES, type RoleName, type RoleState } from './roles.ts';
import { writeTargets } from './targets.ts';

/** The others are what they watch. */
const SERVERS = ['prometheus', 'alertmanager', 'grafana'] as const;

/** Roles that may be run by somebody else already: then theirs is watched and ours not started. */
const ADOPTABLE: ReadonlySet<RoleName> = new Set([
  ...(['application', 'node-exporter', 'postgres-exporter', 'redis-exporter', 'celery-exporter'] as const),
  'pushgateway',
]);

/** What jobs push is forgotten after this where they do not say for how long it holds. */
const PUSH_TTL_MS = 7 * 86_400_000;
const PUSHES_SAVED_MS = 10_000;
const RUNS_KEPT_MS = 366 * 86_400_000;

/** Every role of `avalanche up` in this process (the application in its own), from start to stop. */
export class Stack {
  private readonly running: RunningRole[] = [];
  private readonly states = new Map<RoleName, RoleState>();
  private prometheus: RunningPrometheus | undefined;
  private alertmanager: RunningAlertmanager | undefined;
  private grafana: RunningGrafana | undefined;

  constructor(
    private readonly options: UpOptions,
    private readonly logger: Logger,
  ) {}

  /** @throws StartupError; the caller stops what had started by then */
  async start(): Promise<ReadonlyMap<RoleName, RoleState>> {
    try {
      return await this.startAll();
    } catch (error) {
      throw withOwnHint(error);
    }
  }

  private async startAll(): Promise<ReadonlyMap<RoleName, RoleState>> {
    if (![...this.options.wanted].some(isServer)) compileLate();
    await this.checkPorts();
    const starting = ROLES.filter(({ name }) => isWatched(name)).map(({ name }) => this.startWatched(name));
    for (const started of await Promise.allSettled(starting)) if (started.status === 'rejected') throw started.reason;
    for (const name of SERVERS) {
      if (!this.options.wanted.has(name)) this.states.set(name, { state: 'off' });
      else this.states.set(name, { state: 'running', url: this.urlOf(name) });
    }
    this.writeTargets();
    await this.startServers();
    return this.states;
  }

  async reload(): Promise<void> {
    for (const role of [this.prometheus, this.alertmanager]) {
      await role?.reload().catch((error: unknown) => this.logger.error('Reload failed', { role: role.name, error }));
    }
  }

  async stop(): Promise<void> {
    const results = await Promise.allSettled(this.running.map((role) => role.stop()));
    results.forEach((result, i) => {
      if (result.status === 'rejected') {
        this.logger.error('Stopping a role failed', { role: this.running[i].name, error: result.reason as unknown });
      }
    });
  }

  private writeTargets(): void {
    try {
      writeTargets(this.targetsDirectory, this.states);
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? String(error);
      const message = `cannot write to ${this.targetsDirectory}: ${reason}`;
      throw new StartupError('up', message, 'choose another folder with --data-dir', { cause: error });
    }
  }

  private get targetsDirectory(): string {
    return join(this.options.dataDirectory, 'targets');
  }

  /** Before anything starts: ports that something else holds, other than a role that can be adopted. */
  private async checkPorts(): Promise<void> {
    const { host, ports, wanted } = this.options;
    await Promise.all(
      ROLES.filter(({ name }) => wanted.has(name)).map(async ({ name }) => {
        if (!(await acceptsConnections(host, ports[name]))) return;
        if (!ADOPTABLE.has(name)) {
          const hint = `${portHint(name)}, or leave it out with --without ${name}`;
          throw new StartupError(name, `port ${ports[name]} is already in use`, hint);
        }
        // Something else on an exporter's port matters only if ours is to be started: then listening fails.
        if (await answersMetrics(host, ports[name])) this.states.set(name, { state: 'adopted', url: this.urlOf(name) });
      }),
    );
  }

  private async startWatched(name: RoleName): Promise<void> {
    if (this.states.has(name)) return; // adopted
    if (!this.options.wanted.has(name)) {
      this.states.set(name, { state: 'off' });
      return;
    }
    const started = await this.startOne(name);
    if ('how' in started) this.states.set(name, { state: 'not configured', how: started.how });
    else this.states.set(name, { state: 'running', url: started.url });
  }

  private async startOne(name: RoleName): Promise<{ readonly url: string } | { readonly how: string }> {
    const common = { listen: { host: this.options.host, port: this.options.ports[name] }, logger: this.logger };
    switch (name) {
      case 'application':
        return this.startApplication();
      case 'node-exporter':
        return this.keep(startNodeExporter({ ...common, version: VERSION }));
      case 'postgres-exporter':
        return this.startFound(findPostgres(process.env), (address) =>
          startPostgresExporter({ ...common, version: VERSION, dataSourceNames: [address] }),
        );
      case 'redis-exporter':
        return this.startFound(findRedis(process.env), (address) =>
          startRedisExporter({ ...common, version: VERSION, address }),
        );
      case 'celery-exporter':
        return this.startCelery();
      case 'pushgateway':
        return this.keep(this.startPushgateway(common.listen));
      default:
        throw new Error(`BUG: ${name} is not a watched role`);
    }
  }

  private async startFound(finding: Promise<Found>, start: (address: string) => Promise<RunningRole>) {
    const found = await finding;
    return 'address' in found ? this.keep(start(found.address)) : found;
  }

  private async startApplication() {
    const { demo, named, host, ports, dataDirectory, wanted } = this.options;
    if (!demo && !named.has('application')) return { how: 'start your application, or add --demo' };
    const servesQueue = wanted.has('celery-exporter') && !this.states.has('celery-exporter');
    return this.keep(
      startApplicationProcess({
        host,
        port: ports.application,
        queuePort: servesQueue ? ports['celery-exporter'] : null,
        dataDirectory: join(dataDirectory, 'application'),
        runsUrl: wanted.has('pushgateway') ? this.urlOf('pushgateway') : null,
        demo,
        logger: this.logger,
      }),
    );
  }

  /** The task queue of our own application is served by it; else there must be a Celery broker to listen to. */
  private async startCelery() {
    const { demo, named, wanted, host, ports } = this.options;
    const ours = wanted.has('application') && (demo || named.has('application')) && !this.states.has('application');
    if (ours) return { url: this.urlOf('celery-exporter') };
    const brokerUrl = process.env.CE_BROKER_URL || process.env.CELERY_BROKER_URL;
    if (!brokerUrl) return { how: 'set CELERY_BROKER_URL=redis://host:6379/0' };
    const listen = { host, port: ports['celery-exporter'] };
    return this.keep(startCeleryExporter({ listen, logger: this.logger, version: VERSION, brokerUrl }));
  }

  private async startPushgateway(listen: { readonly host: string; readonly port: number }): Promise<RunningRole> {
    const { runAnnotation, startPushgateway } = await import('@avalanche/runs');
    const directory = join(this.options.dataDirectory, 'pushgateway');
    const role = await startPushgateway({
      ...{ listen, directory, logger: this.logger, version: VERSION },
      persistenceFile: join(directory, 'pushed.json'),
      persistenceIntervalMs: PUSHES_SAVED_MS,
      ttlMs: PUSH_TTL_MS,
      runRetentionMs: RUNS_KEPT_MS,
      onRunEnd: (run) => {
        try {
          this.grafana?.annotate(runAnnotation(run));
        } catch (error) {
          this.logger.warn('A run is not annotated', { run: run.run_id, error });
        }
      },
    });
    const { deliveringSpool } = await import('./spool-delivery.ts');
    return deliveringSpool(role);
  }

  private async startServers(): Promise<void> {
    const { options, logger } = this;
    const { configDirectory, dataDirectory, host, ports, wanted } = options;
    const config = (...path: string[]) => join(configDirectory, ...path);
    const data = (...path: string[]) => join(dataDirectory, ...path);
    const listen = (name: RoleName) => ({ host, port: ports[name] });
    const url = (name: RoleName) => (wanted.has(name) ? this.urlOf(name) : null);
    const ui = (boot: { prometheusUrl: string | null; alertmanagerUrl: string | null; grafanaUrl: string | null }) => ({
      directory: uiDirectory,
      runbooksDirectory: config('runbooks'),
      boot: { ...boot, version: VERSION },
    });
    const urls = {
      prometheusUrl: url('prometheus'),
      alertmanagerUrl: url('alertmanager'),
      grafanaUrl: url('grafana'),
    };
    // Each is loaded only where it is wanted: exporters alone, on a machine that is watched, take less memory.
    if (wanted.has('alertmanager')) {
      const { startAlertmanager } = await import('@avalanche/alertmanager');
      this.alertmanager = await startAlertmanager({
        configFile: config('alertmanager', 'alertmanager.yml'),
        directory: data('alertmanager'),
        listen: listen('alertmanager'),
        logger,
        version: VERSION,
        ui: ui(urls),
      });
      this.running.push(this.alertmanager);
    }
    if (wanted.has('prometheus')) {
      const { startPrometheus } = await import('@avalanche/prometheus');
      this.prometheus = await startPrometheus({
        configFile: config('prometheus', 'prometheus.yml'),
        directory: data('prometheus'),
        listen: listen('prometheus'),
        logger,
        version: VERSION,
        storage: options.storage,
        enableAdminApi: options.enableAdminApi,
        targetsDirectory: this.targetsDirectory,
        enableLifecycle: true,
        ui: ui(urls),
        warmUp: true,
      });
      this.running.push(this.prometheus);
    }
    if (wanted.has('grafana')) {
      const { startGrafana } = await import('@avalanche/grafana');
      this.grafana = await startGrafana({
        configDirectory: config('grafana'),
        directory: data('grafana'),
        listen: listen('grafana'),
        logger,
        version: VERSION,
        uiDirectory,
        runbooksDirectory: config('runbooks'),
        environment: {
          ...process.env,
          PROMETHEUS_URL: this.urlOf('prometheus'),
          ALERTMANAGER_URL: this.urlOf('alertmanager'),
          PUSHGATEWAY_URL: this.answers('pushgateway') ? this.urlOf('pushgateway') : '',
        },
      });
      this.running.push(this.grafana);
    }
  }

  private async keep(starting: Promise<RunningRole>): Promise<RunningRole> {
    const role = await starting;
    this.running.push(role);
    return role;
  }

  /** Whether it runs, by us or somebody else. */
  private answers(name: RoleName): boolean {
    const state = this.states.get(name)?.state;
    return state === 'running' || state === 'adopted';
  }

  private urlOf(name: RoleName): string {
    return `http://${urlHost(this.options.host)}:${this.options.ports[name]}`;
  }
}

/** Where a role cannot listen, the flags of `up` change it, and not its own. */
function withOwnHint(error: unknown): unknown {
  if (!(error instanceof StartupError)) return error;
  const { role, message, exitCode, cause } = error;
  const { code = '' } = (cause ?? {}) as NodeJS.ErrnoException;
  const options = { cause, exitCode };
  if (code === 'EADDRINUSE' || code === 'EACCES') return new StartupError(role, message, portHint(role), options);
  const isHost = code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND';
  return isHost ? new StartupError(role, message, 'change it with --listen ADDR', options) : error;
}

function portHint(role: string): string {
  return `choose another port with --port ${role}=N`;
}

function isWatched(name: RoleName): boolean {
  return !isServer(name);
}

function isServer(name: RoleName): boolean {
  return SERVERS.some((server) => server === name);
}
