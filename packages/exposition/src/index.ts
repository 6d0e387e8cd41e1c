export { formatBound } from './bound.ts';
export { type BodyFormat, type FallbackProtocol, formatOf } from './content-type.ts';
export { CustomBucketsParser } from './custom-buckets.ts';
export { parseNumber } from './decimal.ts';
export type { Exemplar } from './exemplar.ts';
export { KeyedEntries } from './keyed-entries.ts';
export {
  ENTRY_END,
  ENTRY_HELP,
  ENTRY_SAMPLE,
  ENTRY_TYPE,
  ENTRY_UNIT,
  type Entry,
  ExpositionParser,
  type ParserOptions,
  type SampleParser,
} from './parser.ts';
export { ProtobufError, ProtobufParser } from './protobuf/parser.ts';
export { NO_LINES, SampleLines } from './sample-lines.ts';
export { ExpositionError, type ExpositionFormat, parseSeriesMap, parseSeriesText } from './series-text.ts';
export {
  dividerOf,
  type FamilyMetric,
  type MetricFamily,
  type MetricKind,
  parseTextFamilies,
  readTextFamilies,
  TextFormatError,
} from './text-families.ts';
export {
  type FamilyType,
  FamilyWriter,
  type Labels,
  OPEN_METRICS_CONTENT_TYPE,
  renderLabel,
  renderLabels,
  type SampleSink,
  TEXT_CONTENT_TYPE,
} from './writer.ts';
