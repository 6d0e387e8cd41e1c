import { type Body, TemplateError } from './ast.ts';
import { builtins } from './builtins.ts';
import { type ExecutionContext, execute, executeInTurns } from './execute.ts';
import { HtmlContext } from './html-context.ts';
import { parseTemplate } from './parse.ts';
import { SafeHtml, SafeUrl, type TemplateFunctions, typed } from './values.ts';

export interface Template {
  /** @param functions take the place of those of the same name it was compiled with. @throws TemplateError */
  execute(data: unknown, functions?: TemplateFunctions): string;
  /** As `execute`, in turns of the event loop. */
  executeInTurns(data: unknown, functions?: TemplateFunctions): Promise<string>;
}

export interface TemplateOptions {
  /** Whether what actions write is escaped for the place of the HTML where it stands, as html/template does. Default false. */
  readonly html?: boolean;
}

/** What `html` and `urlquery` have escaped is not escaped again. */
const htmlBuiltins: TemplateFunctions = {
  urlquery: typed([], (...args: never[]) => new SafeUrl(String(builtins.urlquery(...args))), 'any'),
  html: typed([], (...args: never[]) => new SafeHtml(String(builtins.html(...args))), 'any'),
};

/** Templates that know each other by name, as several files with `define` make them. */
export class TemplateSet {
  private readonly functions: TemplateFunctions;
  private readonly definitions = new Map<string, Body>();

  constructor(
    functions: TemplateFunctions = {},
    private readonly options: TemplateOptions = {},
  ) {
    this.functions = { ...builtins, ...(options.html ? htmlBuiltins : {}), ...functions };
  }

  /** Parses a file and adds what it defines; later definitions replace earlier ones. @throws TemplateError */
  add(name: string, source: string): void {
    for (const [defined, body] of this.parse(name, source)) {
      if (defined !== name) this.definitions.set(defined, body);
    }
  }

  has(name: string): boolean {
    return this.definitions.has(name);
  }

  /** Compiles a text that may use this set's templates; what it defines itself it keeps to itself. @throws TemplateError */
  compile(name: string, source: string): Template {
    const definitions = this.parse(name, source);
    const body = definitions.get(name) as Body;
    const definition = (wanted: string) => definitions.get(wanted) ?? this.definitions.get(wanted);
    const context = (own?: TemplateFunctions): ExecutionContext => ({
      functions: own ? (Object.assign(Object.create(this.functions), own) as TemplateFunctions) : this.functions,
      definition,
      ...this.escaping(),
    });
    return {
      execute: (data, own) => execute(context(own), body, data),
      executeInTurns: (data, own) => executeInTurns(context(own), body, data),
    };
  }

  private escaping() {
    if (!this.options.html) return { render: (text: string) => text, literal: (text: string) => text };
    const html = new HtmlContext();
    return {
      render: (text: string, value: unknown) => html.value(text, value),
      literal: (text: string) => html.literal(text),
    };
  }

  private parse(name: string, source: string): Map<string, Body> {
    const isFunction = (word: string) => word === 'and' || word === 'or' || Object.hasOwn(this.functions, word);
    return parseTemplate(name, source, isFunction);
  }
}

/** Compiles one template on its own. @throws TemplateError */
export function compileTemplate(name: string, source: string, functions: TemplateFunctions = {}): Template {
  return new TemplateSet(functions).compile(name, source);
}

export { SafeHtml, TemplateError };
