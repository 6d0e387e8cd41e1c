export { type ApplicationOptions, type RunningApplication, startApplication } from './application.ts';
export { type QueueMetricsServerOptions, serveQueueMetrics, TaskQueueMetrics } from './queue/metrics.ts';
export type { QueuedTask, QueueState, TaskEvents, TaskQueue } from './queue/queue.ts';
