import { type Node, TemplateError } from './ast.ts';
import { builtins, escapeHtml, type TemplateFunctions } from './builtins.ts';
import { execute } from './execute.ts';
import { parseTemplate } from './parse.ts';

export interface Template {
  /** @throws TemplateError */
  execute(data: unknown): string;
}

/** Text that is HTML already and that an HTML template writes as it is (Go's template.HTML). */
export class SafeHtml {
  constructor(readonly html: string) {}

  toString(): string {
    return this.html;
  }
}

export interface TemplateOptions {
  /** Whether what actions write is escaped for HTML text and quoted attributes. Default false. */
  readonly html?: boolean;
}

/** Templates that know each other by name, as several files with `define` make them. */
export class TemplateSet {
  private readonly functions: TemplateFunctions;
  private readonly definitions = new Map<string, readonly Node[]>();

  constructor(
    functions: TemplateFunctions = {},
    private readonly options: TemplateOptions = {},
  ) {
    this.functions = { ...builtins, ...functions };
  }

  /** Parses a file and adds what it defines; later definitions replace earlier ones. @throws TemplateError */
  add(name: string, source: string): void {
    for (const [defined, body] of this.parse(name, source).definitions) this.definitions.set(defined, body);
  }

  has(name: string): boolean {
    return this.definitions.has(name);
  }

  /** Compiles a text that may use this set's templates; what it defines itself it keeps to itself. @throws TemplateError */
  compile(name: string, source: string): Template {
    const { body, definitions } = this.parse(name, source);
    const render = this.options.html
      ? (text: string, value: unknown) => (value instanceof SafeHtml ? text : escapeHtml(text))
      : (text: string) => text;
    const definition = (wanted: string) => definitions.get(wanted) ?? this.definitions.get(wanted);
    return { execute: (data) => execute({ name, functions: this.functions, definition, render }, body, data) };
  }

  private parse(name: string, source: string) {
    return parseTemplate(
      name,
      source,
      (word) => word === 'and' || word === 'or' || Object.hasOwn(this.functions, word),
    );
  }
}

/** Compiles one template on its own. @throws TemplateError */
export function compileTemplate(name: string, source: string, functions: TemplateFunctions = {}): Template {
  return new TemplateSet(functions).compile(name, source);
}

export { TemplateError };
