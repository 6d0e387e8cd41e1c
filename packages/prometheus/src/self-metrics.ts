import { Gauge, type Registry } from 'prom-client';

/** The outcome of the last load of the configuration. */
export interface ReloadMetrics {
  reloaded(ok: boolean): void;
}

export function reloadMetrics(registry: Registry): ReloadMetrics {
  const registers = [registry];
  const ok = new Gauge({
    name: 'prometheus_config_last_reload_successful',
    help: 'Whether the last load of the configuration succeeded.',
    registers,
  });
  const time = new Gauge({
    name: 'prometheus_config_last_reload_success_timestamp_seconds',
    help: 'When the configuration was last loaded with success, in seconds since the epoch.',
    registers,
  });
  return {
    reloaded(success) {
      ok.set(success ? 1 : 0);
      if (success) time.set(Date.now() / 1000);
    },
  };
}
