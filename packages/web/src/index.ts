export { buildInfo } from './build-info.ts';
export * from './client/index.ts';
export { type Collected, collectedCounters, collectedGauges, registerFamily, sample } from './collected.ts';
export { compressAnswers, variesByEncoding } from './compress.ts';
export { checkWebConfig, WebConfig } from './config/web-config.ts';
export { CorsOrigin } from './cors.ts';
export { DayFiles, dayOf } from './day-files.ts';
export { answerDirectly } from './direct/direct.ts';
export type { PlainGet } from './direct/plain-get.ts';
export { type DirectAnswer, type DirectRoute, DirectRoutes, type Peer, type Served } from './direct/routes.ts';
export { makeDirectory } from './directory.ts';
export { createLogger, type LogFormat, type LogOptions } from './log.ts';
export { allPieces, firstPieces, inOne, type Pieces, writePieces } from './pieces.ts';
export { PROCESS_FAMILIES } from './process-families.ts';
export { processMetrics } from './process-metrics.ts';
export { type RunningRole, StartupError } from './role.ts';
export { sendTextPieces } from './send-text-pieces.ts';
export {
  acceptForms,
  type Bound,
  createServer,
  type ListenAddress,
  listen,
  listenAlso,
  parseListenAddress,
  parseQuery,
  serveDirectory,
  serveMetrics,
  serveUi,
  type UiBoot,
  type WebOptions,
} from './server.ts';
