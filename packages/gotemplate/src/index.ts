export type { TemplateFunction, TemplateFunctions } from './builtins.ts';
export {
  compileTemplate,
  SafeHtml,
  type Template,
  TemplateError,
  type TemplateOptions,
  TemplateSet,
} from './template.ts';
