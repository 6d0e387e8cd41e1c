import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findProgram, outputOf } from './tools.ts';

interface Service {
  readonly image: string;
  readonly profiles: readonly string[];
  readonly restart: string;
  readonly healthcheck?: { readonly test: readonly string[]; readonly interval: string };
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const file = `${root}docker-compose.yml`;
const compose = parse(readFileSync(file, 'utf8'), { merge: true }) as Compose;
const services = Object.entries(compose.services);

test('the classic stack is the eight real programs', () => {
  expect(services.map(([name]) => name).sort()).toEqual([
    ...['alertmanager', 'celery-exporter', 'grafana', 'node-exporter', 'postgres-exporter', 'prometheus'],
    ...['pushgateway', 'redis-exporter'],
  ]);
});

describe.each(services)('%s', (_name, service) => {
  test('is pinned, in the profile, watched and started again', () => {
    expect(service.image).toMatch(/^[\w./-]+:v?\d+\.\d+\.\d+(?:-[a-z]+)?$/);
    expect(service.profiles).toEqual(['monitoring']);
    expect(service.restart).toBe('unless-stopped');
    expect(service.healthcheck?.test[0]).toBe('CMD');
    expect(service.healthcheck?.interval).toMatch(/^\d+s$/);
  });

  test('mounts what is there', () => {
    for (const mount of service.volumes ?? []) {
      const [source = ''] = mount.split(':');
      if (source.startsWith('.')) expect(existsSync(root + source), mount).toBe(true);
      else if (!source.startsWith('/')) expect(Object.keys(compose.volumes), mount).toContain(source);
    }
  });
});

test('Prometheus reads the same files, its targets from targets-classic, and keeps 30 days', () => {
  const { volumes = [], command = [] } = compose.services.prometheus as Service;
  expect(volumes).toContain('./config/prometheus:/etc/prometheus:ro');
  expect(volumes).toContain('./config/prometheus/targets-classic:/etc/prometheus/targets:ro');
  expect(command).toContain('--storage.tsdb.retention.time=30d');
  expect(command).toContain('--web.enable-lifecycle');
});

test('Grafana gets every variable that the provisioning files name', () => {
  const { environment = {} } = compose.services.grafana as Service;
  const texts = ['datasources/datasources.yml', 'dashboards/dashboards.yml'].map((name) =>
    readFileSync(`${root}config/grafana/provisioning/${name}`, 'utf8').replaceAll(/#.*$/gm, ''),
  );
  const named = texts.flatMap((text) => [...text.matchAll(/\$\{?(\w+)\}?/g)].map(([, name]) => name ?? ''));
  expect(named.sort()).toEqual(['ALERTMANAGER_URL', 'DASHBOARDS_PATH', 'PROMETHEUS_URL']);
  for (const name of named) expect(environment[name]).toMatch(/\S/);
});

const docker = findProgram('docker') ?? '';
let hasCompose = false;
beforeAll(async () => {
  hasCompose =
    docker !== '' &&
    (await outputOf(docker, 'compose', 'version').then(
      () => true,
      () => false,
    ));
});

test.skipIf(docker === '')(
  'docker compose accepts the file (needs docker with the compose plugin)',
  async (context) => {
    if (!hasCompose) return context.skip('the docker compose plugin is missing');
    expect(await outputOf(docker, 'compose', '-f', file, '--profile', 'monitoring', 'config', '--quiet')).toBe('');
  },
);
