import { type Template, TemplateSet } from '@avalanche/gotemplate';
import { type Notification, type TemplateData, templateData } from './data.ts';
import { defaultTemplates } from './defaults.ts';
import { notificationFunctions } from './functions.ts';

const COMPILED_MAX = 5_000;

/** How a template writes: as it is, or escaped for HTML. */
export type TemplateKind = 'text' | 'html';

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

  /** Expands a value of the configuration; `data` is what `templateData` gives. @throws TemplateError */
  render(kind: TemplateKind, source: string, data: TemplateData, routeLabel = routeLabelOf(data)): string {
    if (!source.includes('{{')) return source;
    return this.template(kind, source).execute(data, { routeLabels: routeLabel });
  }

  /** As `render`, in turns of the event loop: a group may have thousands of alerts. @throws TemplateError */
  async renderInTurns(kind: TemplateKind, source: string, data: TemplateData): Promise<string> {
    if (!source.includes('{{')) return source;
    return this.template(kind, source).executeInTurns(data, { routeLabels: routeLabelOf(data) });
  }

  private template(kind: TemplateKind, source: string): Template {
    const key = kind + source;
    let template = this.compiled.get(key);
    if (!template) {
      template = (kind === 'html' ? this.htmlSet : this.textSet).compile('', source);
      if (this.compiled.size < COMPILED_MAX) this.compiled.set(key, template);
    }
    return template;
  }
}

/** `routeLabels` of data whose route labels are rendered. */
function routeLabelOf({ fields }: TemplateData): (name: string) => string {
  const labels = fields.RouteLabels as Readonly<Record<string, string>>;
  return (name) => (Object.hasOwn(labels, name) ? labels[name] : '');
}

/**
 * The labels of a route for one group: their values are templates, which may ask for each other by `routeLabels`
 * (upstream Template.RouteLabelRenderer).
 * @param notification its `routeLabels` are the values as the configuration has them
 * @throws TemplateError where one fails, or where they ask for each other in a circle
 */
export function renderRouteLabels(
  templates: NotificationTemplates,
  notification: Notification,
): Readonly<Record<string, string>> {
  const { routeLabels } = notification;
  const data = templateData(notification);
  const rendered = new Map<string, string>();
  const underWay: string[] = [];
  const resolve = (name: string): string => {
    const known = rendered.get(name);
    if (known !== undefined) return known;
    if (!Object.hasOwn(routeLabels, name)) return '';
    if (underWay.includes(name)) throw new Error(`route label cycle detected: ${[...underWay, name].join(' -> ')}`);
    underWay.push(name);
    const value = templates.render('text', routeLabels[name], data, resolve);
    underWay.pop();
    rendered.set(name, value);
    return value;
  };
  return Object.fromEntries(Object.keys(routeLabels).map((name) => [name, resolve(name)]));
}
