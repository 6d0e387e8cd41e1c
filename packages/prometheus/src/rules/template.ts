import { compileTemplate, type Template } from '@avalanche/gotemplate';
import { compileAnchored, type Labels, parseDuration } from '@avalanche/model';
import { humanize, humanize1024, humanizeDuration, humanizePercentage, humanizeTimestamp } from './humanize.ts';

/** What `{{ $labels }}`, `{{ $value }}` … stand for while a label or annotation is expanded. */
export interface AlertTemplateData {
  readonly labels: Labels;
  readonly externalLabels: Readonly<Record<string, string>>;
  readonly externalUrl: string;
  readonly value: number;
}

const VARIABLES =
  '{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}';

const compiled = new Map<string, Template>();
const COMPILED_MAX = 10_000;

/** Compiles the template of a label or annotation. @throws Error saying where it is wrong */
export function checkTemplate(text: string): void {
  templateFor(text);
}

/**
 * Expands a label or annotation of an alerting rule. A template that fails gives upstream's
 * `<error expanding template: …>`, so that the alert still goes out.
 */
export function expandTemplate(text: string, data: AlertTemplateData): string {
  if (!text.includes('{{')) return text;
  try {
    return templateFor(text).execute({
      Labels: data.labels.toJSON(),
      ExternalLabels: data.externalLabels,
      ExternalURL: data.externalUrl,
      Value: data.value,
    });
  } catch (error) {
    return `<error expanding template: ${(error as Error).message}>`;
  }
}

function templateFor(text: string): Template {
  let template = compiled.get(text);
  if (!template) {
    template = compileTemplate('alert', VARIABLES + text, functions);
    if (compiled.size < COMPILED_MAX) compiled.set(text, template);
  }
  return template;
}

/** Numbers reach the functions as numbers or, as in `{{ printf … | humanize }}`, as text. */
function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  const number = Number(String(value).replace(/^([+-]?)Inf$/, '$1Infinity'));
  if (String(value) !== 'NaN' && Number.isNaN(number)) throw new Error(`can't convert ${String(value)} to float`);
  return number;
}

const functions: Readonly<Record<string, (...args: never[]) => unknown>> = {
  humanize: (value: unknown) => humanize(toNumber(value)),
  humanize1024: (value: unknown) => humanize1024(toNumber(value)),
  humanizeDuration: (value: unknown) => humanizeDuration(toNumber(value)),
  humanizePercentage: (value: unknown) => humanizePercentage(toNumber(value)),
  humanizeTimestamp: (value: unknown) => humanizeTimestamp(toNumber(value)),
  title: (text: string) => text.replace(/(^|\s)(\S)/g, (_all, space: string, c: string) => space + c.toUpperCase()),
  toUpper: (text: string) => text.toUpperCase(),
  toLower: (text: string) => text.toLowerCase(),
  match: (pattern: string, text: string) => compileAnchored(`.*(?:${pattern}).*`).accepts(text),
  stripPort: (address: string) => address.replace(/:\d+$/, ''),
  stripDomain: (address: string) => address.replace(/^([^.:]+)\.[^:]*(:\d+)?$/, '$1$2'),
  parseDuration: (text: string) => parseDuration(text) / 1000,
  strvalue: (sample: { readonly Labels: Readonly<Record<string, string>> }) => sample.Labels.__value__ ?? '',
};
