import { formatBound } from '@avalanche/exposition';
import { type FloatHistogram, formatG } from '@avalanche/model';
import { classicBuckets, type FederatedSample, type FederationWriter } from './federate-histogram.ts';

/** How a name that the text format cannot have is written: upstream's escaping schemes. */
export const ESCAPINGS = ['allow-utf-8', 'underscores', 'dots', 'values'] as const;
export type Escaping = (typeof ESCAPINGS)[number];

export const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
export const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** The name of the family, and `name{label="value",…}`. */
export function metricText(
  name: string,
  labels: readonly (readonly [string, string])[],
  escaping: Escaping,
): { readonly familyName: string; readonly line: string } {
  const metric = escapeName(name, METRIC, escaping);
  const pairs = labels.map(([label, value]) => {
    const escaped = escapeName(label, LABEL, escaping);
    return `${LABEL.test(escaped) ? escaped : quoted(escaped)}=${quoted(value)}`;
  });
  if (METRIC.test(metric)) {
    return { familyName: metric, line: pairs.length === 0 ? metric : `${metric}{${pairs.join(',')}}` };
  }
  return { familyName: quoted(metric), line: `{${[quoted(metric), ...pairs].join(',')}}` };
}

export function escapeName(name: string, valid: RegExp, escaping: Escaping): string {
  if (escaping === 'allow-utf-8') return name;
  if (valid.test(name) && escaping !== 'dots') return name;
  const isValidAt = (character: string, at: number) => valid.test(at === 0 ? character : `_${character}`);
  const characters = [...name];
  if (escaping === 'underscores') {
    return characters.map((character, at) => (isValidAt(character, at) ? character : '_')).join('');
  }
  if (escaping === 'dots') {
    return characters
      .map((character, at) => {
        if (character === '_') return '__';
        if (character === '.') return '_dot_';
        return isValidAt(character, at) ? character : '__';
      })
      .join('');
  }
  const hex = (character: string) => `_${(character.codePointAt(0) ?? 0).toString(16)}_`;
  const escaped = characters.map((character, at) => {
    if (character === '_') return '__';
    return isValidAt(character, at) ? character : hex(character);
  });
  return `U__${escaped.join('')}`;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`;
}

/** Writes text 0.0.4. Native histograms with exponential buckets have no place in it. */
export class TextFederation implements FederationWriter {
  private text = '';
  private family = '';

  constructor(private readonly escaping: Escaping) {}

  get size(): number {
    return this.text.length;
  }

  add({ name, labels, value, histogram, time }: FederatedSample): void {
    if (!histogram) this.line(name, name, 'untyped', labels, value, time);
    else if (histogram.usesCustomBuckets) this.addClassic(name, labels, histogram, time);
  }

  take(): Buffer {
    const { text } = this;
    this.text = '';
    return Buffer.from(text);
  }

  private addClassic(name: string, labels: FederatedSample['labels'], histogram: FloatHistogram, time: number): void {
    const buckets = [...classicBuckets(histogram), [Number.POSITIVE_INFINITY, histogram.count] as const];
    for (const [bound, count] of buckets) {
      this.line(name, `${name}_bucket`, 'histogram', [...labels, ['le', formatBound(bound)]], count, time);
    }
    this.line(name, `${name}_sum`, 'histogram', labels, histogram.sum, time);
    this.line(name, `${name}_count`, 'histogram', labels, histogram.count, time);
  }

  private line(
    family: string,
    name: string,
    type: string,
    labels: FederatedSample['labels'],
    value: number,
    time: number,
  ): void {
    const { familyName } = metricText(family, [], this.escaping);
    const { line } = metricText(name, labels, this.escaping);
    const description = `# TYPE ${familyName} ${type}\n`;
    if (description !== this.family) this.text += description;
    this.family = description;
    this.text += `${line} ${formatG(value)} ${time}\n`;
  }
}
