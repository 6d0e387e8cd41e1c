import { compileTemplate, type Template } from '@avalanche/gotemplate';
import type { Labels } from '@avalanche/model';
import type { VectorSample } from './rule.ts';
import { type TemplateSample, templateFunctions } from './template-functions.ts';

/** What `{{ $labels }}`, `{{ $value }}` … stand for while a label or annotation is expanded. */
export interface AlertTemplateData {
  readonly labels: Labels;
  readonly externalLabels: Readonly<Record<string, string>>;
  readonly externalUrl: string;
  readonly value: number;
}

/** Evaluates an expression for `{{ query "…" }}`, at the time of the rule. */
export type TemplateQuery = (expression: string) => Promise<readonly VectorSample[]>;

const VARIABLES =
  '{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}';
/** Different queries that one text may make. */
const QUERIES_MAX = 20;

/** Compiles the template of a label or annotation. @throws Error saying where it is wrong */
export function checkTemplate(text: string): void {
  if (text.includes('{{')) compile(text, '', new Map());
}

/**
 * Expands a label or annotation of an alerting rule. A template that fails gives upstream's
 * `<error expanding template: …>`, so that the alert still goes out.
 *
 * Templates run without waiting, queries do not: a run that needs a result it does not have stops, the query is made,
 * and the text is run again with it.
 */
export async function expandTemplate(text: string, data: AlertTemplateData, query: TemplateQuery): Promise<string> {
  if (!text.includes('{{')) return text;
  const results = new Map<string, readonly TemplateSample[] | null>();
  try {
    const template = compile(text, data.externalUrl, results);
    for (;;) {
      const wanted = results.size;
      const expanded = run(template, data);
      const missing = [...results].find(([, result]) => result === null)?.[0];
      if (missing === undefined) return expanded();
      if (wanted > QUERIES_MAX) throw new Error(`more than ${QUERIES_MAX} queries`);
      results.set(missing, (await query(missing)).map(templateSample));
    }
  } catch (error) {
    return `<error expanding template: ${(error as Error).message}>`;
  }
}

/** One run: its text, or its error once it is known that no query was missing. */
function run(template: Template, data: AlertTemplateData): () => string {
  try {
    const text = template.execute({
      Labels: data.labels.toJSON(),
      ExternalLabels: data.externalLabels,
      ExternalURL: data.externalUrl,
      Value: data.value,
    });
    return () => text;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function compile(text: string, externalUrl: string, results: Map<string, readonly TemplateSample[] | null>): Template {
  return compileTemplate('alert', VARIABLES + text, templateFunctions(externalUrl, results));
}

function templateSample({ labels, value }: VectorSample): TemplateSample {
  return { Labels: labels.toJSON(), Value: value };
}
