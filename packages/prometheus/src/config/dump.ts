import { formatDuration } from '@avalanche/model';
import { Document, isScalar, Scalar, visit, YAMLSeq } from 'yaml';
import type { RelabelRule } from '../relabel.ts';
import type { PrometheusConfig } from './schema.ts';

const DURATIONS = new Set([
  ...['scrape_interval', 'scrape_timeout', 'evaluation_interval', 'rule_query_offset', 'refresh_interval', 'timeout'],
  ...['remote_timeout', 'batch_send_deadline', 'min_backoff', 'max_backoff', 'sample_age_limit', 'send_interval'],
  ...['out_of_order_time_window', 'time'],
]);
const BYTES = new Set(['body_size_limit', 'size']);
const SECRETS = new Set([
  ...['password', 'credentials', 'bearer_token', 'client_secret', 'client_certificate_key', 'key', 'secrets'],
  'proxy_connect_header',
]);
const URLS = new Set(['proxy_url', 'url']);
/** Written even where they are false, 0 or empty. */
const ALWAYS = new Set([
  ...['honor_timestamps', 'track_timestamps_staleness', 'enable_compression', 'follow_redirects', 'enable_http2'],
  ...['insecure_skip_verify', 'send', 'send_interval', 'api_version', 'job_name', 'targets', 'names', 'type', 'port'],
  ...['host', 'filters', 'host_networking_host', 'match_first_network'],
  // Pointers, in upstream: that they are false has been said.
  ...['scrape_native_histograms', 'convert_classic_histograms_to_nhcb', 'always_scrape_classic_histograms'],
  'extra_scrape_metrics',
]);
/** In `global` these are no pointers. */
const GLOBAL_OMITTED = new Set(['convert_classic_histograms_to_nhcb', 'always_scrape_classic_histograms']);
/** The user's own names: they mean nothing, and empty values stay. */
const NAMES = new Set([
  'external_labels',
  'labels',
  'params',
  'headers',
  'required_matchers',
  'endpoint_params',
  'claims',
]);

const SECRET = '<secret>';

/** The effective configuration as `/api/v1/status/config` shows it: defaults filled in, secrets masked. */
export function dumpConfig(config: PrometheusConfig): string {
  const { global, ...rest } = config;
  const shownGlobal = Object.fromEntries(
    Object.entries(shownMapping(global)).filter(([key, value]) => !GLOBAL_OMITTED.has(key) || value !== false),
  );
  return toYaml({ global: shownGlobal, ...shownMapping(rest) });
}

/** One section of it. */
export function dumpSection(section: object): string {
  return toYaml(shownMapping(section));
}

function shownMapping(mapping: object): Record<string, unknown> {
  const shown: [string, unknown][] = [];
  for (const [key, value] of Object.entries(mapping) as [string, unknown][]) {
    if (value === undefined) continue;
    const inner = shownValue(key, value);
    if (inner !== OMIT) shown.push([key, inner]);
  }
  return Object.fromEntries(shown);
}

/** What is not shown, being as if it were not given. */
const OMIT = Symbol('omit');

function shownValue(key: string, value: unknown): unknown {
  if (NAMES.has(key)) return isEmpty(value) ? OMIT : sorted(value as Record<string, unknown>);
  if (SECRETS.has(key)) return isEmpty(value) ? OMIT : masked(value);
  if (key === 'tls_config' && isDefaultTls(value as object)) return OMIT;
  if (DURATIONS.has(key)) return value === 0 && !ALWAYS.has(key) ? OMIT : formatDuration(value as number);
  if (BYTES.has(key)) return value === 0 ? OMIT : base2Bytes(value as number);
  if (URLS.has(key) && typeof value === 'string') return value === '' ? OMIT : withoutPassword(value);
  if (key.endsWith('relabel_configs')) return isEmpty(value) ? OMIT : (value as RelabelRule[]).map(shownRelabel);
  if (isEmpty(value) && !ALWAYS.has(key)) return OMIT;
  if (Array.isArray(value)) return value.map((item: unknown) => (isMapping(item) ? shownMapping(item) : item));
  if (!isMapping(value)) return value;
  const inner = shownMapping(value);
  return isEmpty(inner) ? OMIT : inner;
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isEmpty(value: unknown): boolean {
  if (isMapping(value)) return Object.keys(value).length === 0;
  return value === '' || value === 0 || value === false || value === undefined;
}

function isDefaultTls(tls: object): boolean {
  return Object.values(tls).every((value) => value === undefined || value === false || value === '');
}

function sorted(mapping: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(mapping).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (isMapping(value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner)]));
  return SECRET;
}

/** As alecthomas/units prints Base2Bytes: the largest unit that divides it first, `1KiB512B`. */
function base2Bytes(bytes: number): string {
  let rest = bytes;
  let out = '';
  for (const [i, unit] of ['EiB', 'PiB', 'TiB', 'GiB', 'MiB', 'KiB', 'B'].entries()) {
    const size = 1024 ** (6 - i);
    const count = Math.floor(rest / size);
    if (count > 0) out += `${count}${unit}`;
    rest -= count * size;
  }
  return out;
}

function withoutPassword(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/:@]*):[^/@]*@/i, '$1:xxxxx@');
}

function shownRelabel(rule: RelabelRule): unknown {
  const sourceLabels = new YAMLSeq();
  sourceLabels.flow = true;
  sourceLabels.items = rule.sourceLabels.map((name) => new Scalar(name));
  return {
    ...(rule.sourceLabels.length > 0 ? { source_labels: sourceLabels } : {}),
    separator: rule.separator,
    ...(rule.regex.pattern === '(.*)' ? {} : { regex: rule.regex.pattern }),
    ...(rule.modulus === 0 ? {} : { modulus: rule.modulus }),
    ...(rule.targetLabel === '' ? {} : { target_label: rule.targetLabel }),
    replacement: rule.replacement,
    action: rule.action,
  };
}

/** What YAML would read as something else than a text. */
const NOT_PLAIN =
  /^(|~|null|true|false|yes|no|on|off|y|n|[-+]?[\d.][\d_.,:]*(e[-+]?\d+)?|0x[\da-f]+|0o?[0-7]+|[-+]?\.(inf|nan))$/i;

/** YAML as upstream's library lays it out. */
function toYaml(value: unknown): string {
  const document = new Document(value, { version: '1.1' });
  visit(document, {
    Scalar(_key, node) {
      if (isScalar(node) && typeof node.value === 'string' && NOT_PLAIN.test(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString({
    indentSeq: false,
    lineWidth: 0,
    singleQuote: true,
    flowCollectionPadding: false,
    directives: false,
  });
}
