import { join, resolve } from 'node:path';
import { type Clock, type Logger, systemClock } from '@avalanche/model';
import {
  createServer,
  type ListenAddress,
  listen,
  makeDirectory,
  processMetrics,
  type RunningRole,
  StartupError,
  serveMetrics,
  serveUi,
} from '@avalanche/web';
import { FileError } from '@avalanche/yamlfile';
import { Gauge, Registry } from 'prom-client';
import type { NewAnnotation } from './annotations/annotation.ts';
import { AnnotationStore } from './annotations/store.ts';
import { grafanaApi } from './api.ts';
import { authRoutes } from './auth.ts';
import { DashboardStore } from './dashboards.ts';
import { type Datasource, type Provisioning, readProvisioning } from './provisioning.ts';
import { Users } from './users.ts';

export interface GrafanaOptions {
  /** Holds `provisioning/` and `dashboards/` in Grafana's own formats. */
  readonly configDirectory: string;
  /** Where users and dashboards made in the UI are kept. */
  readonly directory: string;
  readonly listen: ListenAddress;
  readonly logger: Logger;
  readonly version: string;
  readonly uiDirectory: string;
  readonly runbooksDirectory?: string;
  /**
   * Variables for the provisioning files, and Grafana's own settings: `GF_SECURITY_ADMIN_USER`,
   * `GF_SECURITY_ADMIN_PASSWORD`. `DASHBOARDS_PATH` defaults to `dashboards/` of the configuration. `PUSHGATEWAY_URL` is
   * the pushgateway role whose runs are shown.
   */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}

export interface RunningGrafana extends RunningRole {
  /** Adds an annotation, as `POST /api/annotations` does. @throws the system's error */
  annotate(annotation: NewAnnotation): void;
}

const ROLE = 'grafana';

/** Starts the grafana role. @throws StartupError, with nothing left running */
export async function startGrafana(options: GrafanaOptions): Promise<RunningGrafana> {
  const { logger, environment, version } = options;
  const provisioning = await provisioned(options);
  const dashboards = new DashboardStore(provisioning.providers, join(options.directory, 'dashboards'), logger);
  const { users, annotations } = await openState(options, dashboards);
  const app = createServer({ bodyLimit: 16 * 1024 * 1024 });

  const registry = new Registry();
  processMetrics(registry);
  grafanaMetrics(registry, dashboards, version);
  serveMetrics(app, registry);
  app.get('/api/health', async () => ({ database: 'ok', version, commit: '' }));
  const auth = authRoutes(app, { users, allowDefaultPassword: isLoopback(options.listen.host) });
  const { datasources } = provisioning;
  const runs = runsSource(environment.PUSHGATEWAY_URL);
  await app.register((scope) =>
    grafanaApi(scope, { others: runs ? [runs] : [], auth, dashboards, annotations, datasources, version }),
  );

  const proxied = (type: string) => {
    const source =
      datasources.find((one) => one.type === type && one.isDefault) ?? datasources.find((one) => one.type === type);
    return source ? `/api/datasources/proxy/uid/${source.uid}` : null;
  };
  await serveUi(app, {
    directory: options.uiDirectory,
    ...(options.runbooksDirectory ? { runbooksDirectory: options.runbooksDirectory } : {}),
    boot: async (request) => ({
      signedIn: (await auth.userOf(request)) !== null,
      door: 'grafana',
      prometheusUrl: proxied('prometheus'),
      alertmanagerUrl: proxied('alertmanager'),
      grafanaUrl: '',
      runsUrl: runs ? `/api/datasources/proxy/uid/${runs.uid}` : null,
      version,
    }),
    isApi: (path) => path.startsWith('/api/'),
  });

  try {
    const { url, host, port } = await listen(app, ROLE, options.listen);
    if (!isLoopback(host) && users.usesDefaultPassword) {
      logger.warn('Nobody can sign in: the default password works on loopback only; set GF_SECURITY_ADMIN_PASSWORD');
    }
    logger.info('HTTP Server Listen', {
      address: `${host}:${port}`,
      admin: environment.GF_SECURITY_ADMIN_USER ?? 'admin',
    });
    return {
      name: ROLE,
      url,
      annotate: (annotation) => void annotations.add(annotation),
      async stop() {
        dashboards.close();
        await app.close();
      },
    };
  } catch (error) {
    dashboards.close();
    throw error;
  }
}

function runsSource(address: string | undefined): Datasource | undefined {
  if (!address) return undefined;
  const url = address.replace(/\/+$/, '');
  return { uid: 'avalanche-runs', name: 'Runs', type: 'avalanche-runs', url, isDefault: false, jsonData: {} };
}

async function provisioned({ configDirectory, environment }: GrafanaOptions): Promise<Provisioning> {
  const variables = { DASHBOARDS_PATH: resolve(configDirectory, 'dashboards'), ...environment };
  try {
    return await readProvisioning(join(configDirectory, 'provisioning'), variables);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new StartupError(ROLE, error.message, 'choose another folder with --config-dir', { cause: error });
  }
}

interface State {
  readonly users: Users;
  readonly annotations: AnnotationStore;
}

async function openState(
  { directory, environment, clock = systemClock }: GrafanaOptions,
  dashboards: DashboardStore,
): Promise<State> {
  try {
    makeDirectory(directory);
    dashboards.open();
    const annotations = new AnnotationStore(join(directory, 'annotations.jsonl'), clock);
    const users = await Users.open(directory, {
      login: environment.GF_SECURITY_ADMIN_USER || 'admin',
      password: environment.GF_SECURITY_ADMIN_PASSWORD || undefined,
    });
    return { users, annotations };
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new StartupError(ROLE, `cannot use ${directory}: ${reason}`, 'choose another directory with --data-dir', {
      cause: error,
    });
  }
}

function grafanaMetrics(registry: Registry, dashboards: DashboardStore, version: string): void {
  new Gauge({
    name: 'grafana_build_info',
    help: 'Constantly 1, with the version in labels.',
    labelNames: ['version', 'edition'],
    registers: [registry],
  }).set({ version, edition: 'avalanche' }, 1);
  new Gauge({
    name: 'grafana_stat_totals_dashboard',
    help: 'Dashboards known.',
    registers: [registry],
    collect() {
      this.set(dashboards.all().length);
    },
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
