import { Gauge, type Registry } from 'prom-client';

export function buildInfo(registry: Registry, version: string): void {
  new Gauge({
    name: 'alertmanager_build_info',
    help: 'Constantly 1, with the version in labels.',
    labelNames: ['version', 'revision', 'branch', 'goversion', 'goos', 'goarch', 'tags'],
    registers: [registry],
  }).set(
    { version, revision: '', branch: '', goversion: '', goos: process.platform, goarch: process.arch, tags: '' },
    1,
  );
}
