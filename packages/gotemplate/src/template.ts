import { type Body, TemplateError } from './ast.ts';
import { builtins, escapeHtml } from './builtins.ts';
import { execute } from './execute.ts';
import { parseTemplate } from './parse.ts';
import { SafeHtml, type TemplateFunctions } from './values.ts';

export interface Template {
  /** @param functions take the place of those of the same name it was compiled with. @throws TemplateError */
  execute(data: unknown, functions?: TemplateFunctions): string;
}

export interface TemplateOptions {
  /** Whether what actions write is escaped for HTML text and quoted attributes. Default false. */
  readonly html?: boolean;
}

/** Templates that know each other by name, as several files with `define` make them. */
export class TemplateSet {
  private readonly functions: TemplateFunctions;
  private readonly definitions = new Map<string, Body>();

  constructor(
    functions: TemplateFunctions = {},
    private readonly options: TemplateOptions = {},
  ) {
    this.functions = { ...builtins, ...functions };
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
    const render = this.options.html
      ? (text: string, value: unknown) => (value instanceof SafeHtml ? text : escapeHtml(text))
      : (text: string) => text;
    const definition = (wanted: string) => definitions.get(wanted) ?? this.definitions.get(wanted);
    return {
      execute: (data, own) => {
        const functions = own
          ? (Object.assign(Object.create(this.functions), own) as TemplateFunctions)
          : this.functions;
        return execute({ functions, definition, render }, body, data);
      },
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
