export type { RunRecord } from './registry/run-record.ts';
export { type PushgatewayOptions, startPushgateway } from './start.ts';
