import { compileTemplate, GoStruct, type Template, type TemplateFunctions } from '@avalanche/gotemplate';
import type { FloatHistogram, Labels } from '@avalanche/model';
import type { VectorSample } from './rule.ts';
import { type QueryResults, surroundingFunctions, templateFunctions, templateHistogram } from './template-functions.ts';

/** What `{{ $labels }}`, `{{ $value }}` … stand for while a label or annotation is expanded. */
export interface AlertTemplateData {
  /** The alert's name, which names the template in errors. */
  readonly name: string;
  readonly labels: Labels;
  readonly externalLabels: Readonly<Record<string, string>>;
  readonly externalUrl: string;
  readonly value: number;
  readonly histogram: FloatHistogram | null;
  /** Of the evaluation, in milliseconds. */
  readonly time: number;
}

/** Evaluates an expression for `{{ query "…" }}`, at the time of the rule. */
export type TemplateQuery = (expression: string) => Promise<readonly VectorSample[]>;

const VARIABLES =
  '{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}';
/** What Go calls the type of the data. */
const DATA =
  'struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }';
/** Different queries that one text may make. */
const QUERIES_MAX = 100;

/** Compiles the template of a label or annotation of an alert. @throws Error saying where it is wrong */
export function checkTemplate(text: string, alert: string): void {
  if (text.includes('{{')) compile(alert, text);
}

/** What became of a text: `error` says why a template failed, which the text says as well. */
export interface Expanded {
  readonly text: string;
  readonly error: Error | null;
}

/**
 * Expands a label or annotation of an alerting rule. A template that fails gives upstream's
 * `<error expanding template: …>`, so that the alert still goes out.
 */
export async function expandTemplate(text: string, data: AlertTemplateData, query: TemplateQuery): Promise<Expanded> {
  if (!text.includes('{{')) return { text, error: null };
  try {
    return { text: await expand(text, data, query), error: null };
  } catch (error) {
    return { text: `<error expanding template: ${(error as Error).message}>`, error: error as Error };
  }
}

async function expand(text: string, data: AlertTemplateData, query: TemplateQuery): Promise<string> {
  const results: QueryResults = new Map();
  const name = `__alert_${data.name}`;
  const template = attempt(name, 'parsing', () => compiled(data.name, text));
  const functions = surroundingFunctions({ ...data, results });
  return withQueries(() => run(template, data, functions), results, query);
}

/**
 * Templates run without waiting, queries do not: a run that needs a result it does not have stops, the query is made,
 * and the text is run again with it. @throws Error
 */
export async function withQueries(runOnce: () => string, results: QueryResults, query: TemplateQuery): Promise<string> {
  const failures = new Map<string, Error>();
  for (;;) {
    const expanded = outcomeOf(runOnce);
    const missing = [...results].find(([, result]) => result === null)?.[0];
    if (missing === undefined) return expanded();
    const failure = failures.get(missing);
    if (failure) return withCause(expanded, missing, failure);
    if (results.size > QUERIES_MAX) throw new Error(`more than ${QUERIES_MAX} queries`);
    try {
      results.set(missing, await query(missing));
    } catch (error) {
      failures.set(missing, error as Error);
    }
  }
}

/** A query that failed is told where the template made it. */
function withCause(expanded: () => string, expression: string, failure: Error): never {
  try {
    expanded();
  } catch (error) {
    const { message } = error as Error;
    throw new Error(
      message.replace(`query ${expression} has no result yet`, () => failure.message),
      { cause: failure },
    );
  }
  throw failure;
}

/** @param name as it stands in errors */
export function attempt<T>(name: string, doing: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(`error ${doing} template ${name}: ${(error as Error).message}`, { cause: error });
  }
}

/** The text of one run, or its error once it is known that no query was missing. */
function outcomeOf(runOnce: () => string): () => string {
  try {
    const text = runOnce();
    return () => text;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function run(template: Template, data: AlertTemplateData, functions: TemplateFunctions): string {
  const value = data.histogram ? templateHistogram(data.histogram) : data.value;
  const fields = {
    Labels: data.labels.toJSON(),
    ExternalLabels: data.externalLabels,
    ExternalURL: data.externalUrl,
    Value: value,
  };
  const name = `__alert_${data.name}`;
  return attempt(name, 'executing', () => template.execute(new GoStruct(DATA, fields), functions));
}

/** Templates by their name and text: those of an alert run for each series at each evaluation. */
const cache = new Map<string, Template>();
const CACHE_MAX = 2000;

function compiled(name: string, text: string): Template {
  const key = `${name}\0${text}`;
  const known = cache.get(key);
  if (known) return known;
  const template = compile(name, text);
  if (cache.size >= CACHE_MAX) cache.clear();
  cache.set(key, template);
  return template;
}

function compile(name: string, text: string): Template {
  return compileTemplate(`__alert_${name}`, VARIABLES + text, templateFunctions);
}
