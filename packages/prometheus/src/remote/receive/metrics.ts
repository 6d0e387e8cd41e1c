import { collectedCounters } from '@avalanche/web';
import type { Registry } from 'prom-client';

/** What the receiver has counted; published under upstream's `prometheus_api_remote_write_…` names. */
export class ReceiveMetrics {
  invalidLabels = 0;

  register(registry: Registry): void {
    const name = (what: string) => `prometheus_api_remote_write_${what}_total`;
    collectedCounters(registry, [
      [
        name('invalid_labels_samples'),
        'Samples that were received and refused because of their labels.',
        () => this.invalidLabels,
      ],
      // A record of metadata cannot fail by itself: it is written with the samples or not at all.
      [name('without_metadata_appended_samples'), 'Samples that were stored without their metadata.', () => 0],
    ]);
  }
}
