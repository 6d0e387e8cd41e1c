import { type Template, TemplateSet } from '@avalanche/gotemplate';
import { defaultTemplates } from './defaults.ts';
import { notificationFunctions } from './functions.ts';

const COMPILED_MAX = 5_000;

/** The templates of a configuration: ours, then those of its files, which may replace ours. */
export class NotificationTemplates {
  private readonly textSet = new TemplateSet(notificationFunctions);
  private readonly htmlSet = new TemplateSet(notificationFunctions, { html: true });
  private readonly compiled = new Map<string, Template>();

  constructor() {
    this.add('default.tmpl', defaultTemplates);
  }

  /** @throws TemplateError */
  add(file: string, source: string): void {
    this.textSet.add(file, source);
    this.htmlSet.add(file, source);
  }

  /** Expands a value of the configuration as text. @throws TemplateError */
  text(source: string, data: unknown): string {
    return source.includes('{{') ? this.template('text', source).execute(data) : source;
  }

  /** Expands a value of the configuration as HTML; what it writes is escaped. @throws TemplateError */
  html(source: string, data: unknown): string {
    return source.includes('{{') ? this.template('html', source).execute(data) : source;
  }

  private template(kind: 'text' | 'html', source: string): Template {
    const key = kind + source;
    let template = this.compiled.get(key);
    if (!template) {
      template = (kind === 'html' ? this.htmlSet : this.textSet).compile(kind, source);
      if (this.compiled.size < COMPILED_MAX) this.compiled.set(key, template);
    }
    return template;
  }
}
