export { AnnotationSender } from './annotations/annotation-sender.ts';
export { runAnnotation } from './annotations/run-annotation.ts';
export type { RunRecord } from './registry/run-record.ts';
export { type PushgatewayOptions, startPushgateway } from './start.ts';
