import { quote } from '@avalanche/model';
import type { ExpositionFormat } from './series-text.ts';

/** What `fallback_scrape_protocol` can name. */
export type FallbackProtocol =
  | 'PrometheusProto'
  | 'PrometheusText0.0.4'
  | 'PrometheusText1.0.0'
  | 'OpenMetricsText0.0.1'
  | 'OpenMetricsText1.0.0';

/** What a body can be in. */
export type BodyFormat = ExpositionFormat | 'protobuf';

const FORMATS: ReadonlyMap<string, BodyFormat> = new Map([
  ['application/openmetrics-text', 'openmetrics'],
  ['text/plain', 'text'],
  ['application/vnd.google.protobuf', 'protobuf'],
]);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+(?:\/[!#$%&'*+\-.^_`|~0-9a-z]+)?$/;

/**
 * The format of a body by its Content-Type, or by the fallback protocol of its job where that says nothing.
 * @throws Error in upstream's words
 */
export function formatOf(contentType: string | undefined, fallback?: FallbackProtocol): BodyFormat {
  const mediaType = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const format = FORMATS.get(mediaType);
  if (format) return format;
  if (fallback === 'PrometheusProto') return 'protobuf';
  if (fallback) return fallback.startsWith('OpenMetrics') ? 'openmetrics' : 'text';
  throw new Error(problemOf(contentType ?? '', mediaType));
}

function problemOf(contentType: string, mediaType: string): string {
  const none = 'and no fallback_scrape_protocol';
  if (contentType === '') {
    return `non-compliant scrape target sending blank Content-Type ${none} specified for target`;
  }
  if (mediaType === '')
    return `cannot parse Content-Type ${quote(contentType)} ${none} for target\nmime: no media type`;
  if (!TOKEN.test(mediaType)) {
    const problem = mediaType.includes('/') ? 'expected token after slash' : 'expected slash after first token';
    return `cannot parse Content-Type ${quote(contentType)} ${none} for target\nmime: ${problem}`;
  }
  return `received unsupported Content-Type ${quote(contentType)} ${none} specified for target`;
}
