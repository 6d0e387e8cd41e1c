export { formatBytes, parseBytes } from './bytes.ts';
export type { CancelSignal } from './cancel-signal.ts';
export { type Clock, ManualClock, systemClock } from './clock.ts';
export { VALUE_BYTES_MAX, writeInteger, writeValue } from './decimal.ts';
export { formatDuration, parseDuration } from './duration.ts';
export { formatGoDuration, parseGoDuration } from './go-duration.ts';
export { isValidLabelName, quote, quoteRune, unicodeName, unquote, wellFormed } from './go-quote.ts';
export {
  allBuckets,
  BOUNDS_RECONCILED,
  type Bucket,
  type Buckets,
  bucketsFromSpans,
  ClassicHistogram,
  ClassicHistogramError,
  type CounterResetHint,
  CUSTOM_BUCKETS_SCHEMA,
  combine,
  denseBuckets,
  detectReset,
  FloatHistogram,
  formatHistogram,
  formatHistogramJSON,
  formatHistogramLiteral,
  fractionBelow,
  HistogramError,
  type HistogramFields,
  HistogramSum,
  INCOMPATIBLE,
  isExponentialSchema,
  isStaleHistogram,
  NO_BUCKETS,
  RESET_COLLISION,
  SCHEMA_MAX,
  type Span,
  STALE_FLOAT_HISTOGRAM,
  STALE_HISTOGRAM,
  sameBounds,
  sameLayout,
  spansOf,
  type TrimSide,
  trim,
  WireBuckets,
  writeDeltas,
  writeSpans,
} from './histogram/index.ts';
export { Labels, METRIC_NAME } from './labels.ts';
export { type Logger, type LogLevel, silentLogger } from './log.ts';
export {
  type AnchoredRegex,
  compileAnchored,
  compileAnywhere,
  Matcher,
  type MatchType,
  matchesAnywhere,
  replaceAllMatches,
} from './matcher.ts';
export { formatG, formatValue } from './number.ts';
export { ProtoError, ProtoReader } from './protobuf/reader.ts';
export { ProtoWriter } from './protobuf/writer.ts';
export { roundsOf, withoutTurns } from './rounds.ts';
export { NORMAL_NAN_HIGH, NORMAL_NAN_LOW, SampleColumns, STALE_HIGH, STALE_LOW } from './samples.ts';
export { compareStrings } from './strings.ts';
export { textPieces } from './text-pieces.ts';
export { nextTurn, runToEnd, Slices, turnIsOver } from './turns.ts';
export { isUlid, newUlid, ulidTime } from './ulid.ts';
export { loadXxhash64, type Xxhash64 } from './xxhash64.ts';
