/** The two messages of remote write, by the names that the protocol and the configuration have for them. */
export const WRITE_V1 = 'prometheus.WriteRequest';
export const WRITE_V2 = 'io.prometheus.write.v2.Request';
export const WRITE_MESSAGES = [WRITE_V1, WRITE_V2] as const;
export type WriteMessage = (typeof WRITE_MESSAGES)[number];

/** Field numbers of `prometheus.WriteRequest` and what is in it. */
export const V1 = {
  request: { timeseries: 1, metadata: 3 },
  series: { labels: 1, samples: 2, exemplars: 3, histograms: 4 },
  label: { name: 1, value: 2 },
  sample: { value: 1, timestamp: 2 },
  exemplar: { labels: 1, value: 2, timestamp: 3 },
  metadata: { type: 1, family: 2, help: 4, unit: 5 },
} as const;

/** Field numbers of `io.prometheus.write.v2.Request` and what is in it. */
export const V2 = {
  request: { symbols: 4, timeseries: 5 },
  series: { labelRefs: 1, samples: 2, histograms: 3, exemplars: 4, metadata: 5 },
  sample: { value: 1, timestamp: 2, startTimestamp: 3 },
  exemplar: { labelRefs: 1, value: 2, timestamp: 3 },
  metadata: { type: 1, helpRef: 3, unitRef: 4 },
} as const;

/** Types of metrics by their number; 2.0 calls 0 unspecified. */
export const METRIC_TYPES = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
] as const;
