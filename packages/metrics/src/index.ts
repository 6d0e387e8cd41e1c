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
export { Run, type RunEnd, type RunOptions } from './run.ts';
export type { Tracker } from './tracker.ts';
export {
  type CurveLimits,
  TRAINING_PROBLEMS,
  TrainingCurve,
  type TrainingPoint,
  type TrainingProblem,
} from './training-curve.ts';
