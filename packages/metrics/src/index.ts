export { type AggregatorOptions, MetricsAggregator, shareMetrics } from './aggregate.ts';
export {
  type AnalysisMeasures,
  type AnalysisRecord,
  type ApplicationInfo,
  ApplicationMetrics,
  type ApplicationMetricsOptions,
  applicationMetrics,
  type BackupRecord,
  createApplicationMetrics,
  type DownloadMeasures,
  type DownloadRecord,
  type RunStatus,
  type TrainingMeasures,
  type TrainingRecord,
  trackAnalysis,
  trackDownload,
  trackRequest,
  trackTraining,
} from './application-metrics.ts';
export { DEFAULT_BUCKETS, type DurationBuckets, type MetricFamilies } from './families.ts';
export { HttpMetrics, type MiddlewareOptions, type RequestRecord, UNMATCHED } from './http.ts';
export { JobMetrics, type JobRunRecord, type RunOutcome, type RunResources } from './job-metrics.ts';
export { deletePushed, type PusherOptions, type PushOptions, pushMetrics, startPushing } from './push.ts';
export { Run, type RunEnd, type RunOptions } from './run.ts';
export { type SampleExemplar, setExemplar } from './series/exemplars.ts';
export type { LabelSet } from './series/internals.ts';
export { limitSeries, OVERFLOW, overflowCounter, type SeriesLimits } from './series/limit.ts';
export { CONTENT_TYPES, type ExpositionFormat, formatFor, renderMetrics } from './series/render.ts';
export type { Tracker } from './tracker.ts';
export {
  type CurveLimits,
  TRAINING_PROBLEMS,
  TrainingCurve,
  type TrainingPoint,
  type TrainingProblem,
} from './training-curve.ts';
