export type { ExporterWebOptions } from './base/server.ts';
export { type CeleryExporterOptions, startCeleryExporter } from './celery/start.ts';
export {
  defaultNodeCollectors,
  type NodeExporterOptions,
  nodeCollectorFlags,
  startNodeExporter,
} from './node/start.ts';
export {
  dumpPostgresMaps,
  POSTGRES_COLLECTOR_DEFAULTS,
  type PostgresExporterOptions,
  postgresAnswers,
  STATEMENTS_DEFAULTS,
  startPostgresExporter,
} from './postgres/start.ts';
export { REDIS_DEFAULTS } from './redis/options.ts';
export { type RedisExporterOptions, redisAnswers, startRedisExporter } from './redis/start.ts';
