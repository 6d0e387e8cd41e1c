import type { EscapingScheme, ScrapeProtocol } from '../config/scrape.ts';

const MEDIA_TYPES: Readonly<Record<ScrapeProtocol, string>> = {
  PrometheusProto: 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
  'PrometheusText1.0.0': 'text/plain;version=1.0.0',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0',
};

/** The `Accept` header for protocols in their order of preference. */
export function acceptHeader(protocols: readonly ScrapeProtocol[], escaping: EscapingScheme): string {
  let weight = Object.keys(MEDIA_TYPES).length + 1;
  const wanted = protocols.map((protocol) => {
    const escapes = protocol.endsWith('1.0.0') ? `;escaping=${escaping}` : '';
    return `${MEDIA_TYPES[protocol]}${escapes};q=0.${weight--}`;
  });
  return [...wanted, `*/*;q=0.${weight}`].join(',');
}
