export * from './client/index.ts';
export { makeDirectory } from './directory.ts';
export { createLogger, type LogFormat, type LogOptions } from './log.ts';
export { processMetrics } from './process-metrics.ts';
export { type RunningRole, StartupError } from './role.ts';
export {
  acceptForms,
  createServer,
  type ListenAddress,
  listen,
  parseListenAddress,
  parseQuery,
  serveMetrics,
  serveUi,
  type UiBoot,
} from './server.ts';
