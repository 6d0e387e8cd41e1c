import { Gauge, type Registry } from 'prom-client';

/** `ROLE_build_info` with the labels that Go's version collector has. */
export function buildInfo(registry: Registry, role: string, version: string): void {
  new Gauge({
    name: `${role}_build_info`,
    help: 'Constantly 1, with the version in labels.',
    labelNames: ['version', 'revision', 'branch', 'goversion', 'goos', 'goarch', 'tags'],
    registers: [registry],
  }).set(
    { version, revision: '', branch: '', goversion: '', goos: process.platform, goarch: process.arch, tags: '' },
    1,
  );
}
