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
export type { Tracker } from './tracker.ts';
