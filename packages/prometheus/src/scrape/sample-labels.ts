import { Labels, METRIC_NAME, quote } from '@avalanche/model';
import type { ScrapeConfig } from '../config/schema.ts';
import { relabel } from '../relabel.ts';
import type { MetricMetadata } from './metadata.ts';

type LabelConfig = Pick<
  ScrapeConfig,
  | 'honor_labels'
  | 'metric_relabel_configs'
  | 'metric_name_validation_scheme'
  | 'label_limit'
  | 'label_name_length_limit'
  | 'label_value_length_limit'
>;

/** A series that has more, or longer, labels than its job allows. */
export class LabelLimitExceeded extends Error {}

/**
 * The labels of a scraped series as they are stored: target labels, metric relabelling, limits.
 * @returns null where relabelling drops the series. @throws LabelLimitExceeded, Error
 */
export function sampleLabels(scraped: ReadonlyMap<string, string>, target: Labels, config: LabelConfig): Labels | null {
  const scheme = config.metric_name_validation_scheme;
  const labels = relabel(withTargetLabels(scraped, target, config.honor_labels), config.metric_relabel_configs, scheme);
  if (!labels || labels.size === 0) return null;
  if (labels.metricName === '') throw new Error(`missing metric name (${METRIC_NAME} label)`);
  if (!hasValidNames(labels, scheme)) throw new Error(`invalid metric name or label names: ${describe(labels)}`);
  checkLimits(labels, config);
  return labels;
}

/**
 * Lays a target's labels over a scraped series. Where both have a label, the scraped one moves to `exported_<name>`,
 * unless `honorLabels` says that it wins; then an empty one, as the Pushgateway sends it, keeps the target's away.
 */
export function withTargetLabels(scraped: ReadonlyMap<string, string>, target: Labels, honorLabels: boolean): Labels {
  const map = new Map(scraped);
  const moved: [string, string][] = [];
  for (const [name, value] of target.entries()) {
    const own = map.get(name);
    if (own !== undefined && honorLabels) continue;
    if (own) moved.push([name, own]);
    map.set(name, value);
  }
  for (const [name, value] of moved.sort(([a], [b]) => a.length - b.length)) {
    let exported = `exported_${name}`;
    while (map.get(exported)) exported = `exported_${exported}`;
    map.set(exported, value);
  }
  return Labels.fromMap(map);
}

/** With what is known of the family in place of what the series says of it itself; what is not known changes nothing. */
export function withMetadataLabels(
  scraped: ReadonlyMap<string, string>,
  { type, unit }: Pick<MetricMetadata, 'type' | 'unit'>,
): Map<string, string> {
  const map = new Map(scraped);
  if (type !== 'unknown') map.set('__type__', type);
  if (unit !== '') map.set('__unit__', unit);
  return map;
}

const LEGACY_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LEGACY_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function hasValidNames(labels: Labels, scheme: LabelConfig['metric_name_validation_scheme']): boolean {
  if (scheme === 'utf8') return !labels.has(''); // the parser lets no other text in
  const { pairs } = labels;
  for (let i = 0; i < pairs.length; i += 2) if (!LEGACY_LABEL.test(pairs[i])) return false;
  return LEGACY_METRIC.test(labels.metricName);
}

function describe(labels: Labels): string {
  const name = (text: string) => (LEGACY_LABEL.test(text) ? text : quote(text));
  return `{${[...labels.entries()].map(([label, value]) => `${name(label)}=${quote(value)}`).join(', ')}}`;
}

function checkLimits(labels: Labels, config: LabelConfig): void {
  const { label_limit: countMax, label_name_length_limit: nameMax, label_value_length_limit: valueMax } = config;
  if (countMax > 0 && labels.size > countMax) {
    throw exceeded('label_limit', labels, `number of labels: ${labels.size}, limit: ${countMax}`);
  }
  if (nameMax === 0 && valueMax === 0) return;
  for (const [name, value] of labels.entries()) {
    const nameLength = Buffer.byteLength(name);
    if (nameMax > 0 && nameLength > nameMax) {
      const what = `label name: ${cut(name)}, length: ${nameLength}, limit: ${nameMax}`;
      throw exceeded('label_name_length_limit', labels, what);
    }
    const valueLength = Buffer.byteLength(value);
    if (valueMax > 0 && valueLength > valueMax) {
      const what = `label name: ${cut(name)}, value: ${quote(cut(value))}, length: ${valueLength}, limit: ${valueMax}`;
      throw exceeded('label_value_length_limit', labels, what);
    }
  }
}

function exceeded(limit: string, labels: Labels, what: string): LabelLimitExceeded {
  return new LabelLimitExceeded(`${limit} exceeded (metric: ${cut(labels.metricName)}, ${what})`);
}

/** The first fifty characters, as upstream shows a name. */
function cut(text: string): string {
  return text.length <= 50 ? text : [...text].slice(0, 50).join('');
}
