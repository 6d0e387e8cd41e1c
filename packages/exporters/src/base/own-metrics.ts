import type { FamilyWriter } from '@avalanche/exposition';
import { PROCESS_FAMILIES } from '@avalanche/web';

/** What Go's promhttp counts of the answers to scrapes, under its names. */
export class ScrapeCounts {
  inFlight = 0;
  private readonly byCode = new Map([200, 500, 503].map((code) => [code, 0]));

  count(code: number): void {
    this.byCode.set(code, (this.byCode.get(code) ?? 0) + 1);
  }

  write(families: FamilyWriter): void {
    const requests = families.counter('promhttp_metric_handler_requests_total', 'Scrapes by HTTP status code.');
    for (const [code, scrapes] of this.byCode) requests.add(scrapes, { code: String(code) });
    families.gauge('promhttp_metric_handler_requests_in_flight', 'Scrapes being served.').add(this.inFlight);
    families
      .counter('promhttp_metric_handler_errors_total', 'Errors of the server while it answered scrapes, by cause.')
      .add(0, { cause: 'encoding' })
      .add(this.byCode.get(500) ?? 0, { cause: 'gathering' });
  }
}

/** The `process_*` families of this process. */
export function writeProcess(families: FamilyWriter): void {
  for (const { name, help, type, read } of PROCESS_FAMILIES) {
    const value = read();
    if (value !== undefined) families.family(name, type, help).add(value);
  }
}

/** `<prefix>_exporter_build_info`, with the labels that Go's version collector has. */
export function writeBuildInfo(families: FamilyWriter, prefix: string, version: string): void {
  families.gauge(`${prefix}_exporter_build_info`, 'Constantly 1, with the version in labels.').add(1, {
    branch: '',
    goarch: process.arch === 'x64' ? 'amd64' : process.arch,
    goos: process.platform,
    goversion: '',
    revision: '',
    tags: '',
    version,
  });
}
