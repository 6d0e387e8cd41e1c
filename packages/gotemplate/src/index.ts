export { escapeQuery } from './builtins.ts';
export { humanize, humanize1024, humanizeDuration, humanizePercentage, toFloat } from './humanize.ts';
export { loadLocation, parseTime } from './parse-time.ts';
export { sprintf } from './printf.ts';
export { compileTemplate, type Template, TemplateError, type TemplateOptions, TemplateSet } from './template.ts';
export { GoDuration, GoTime } from './time.ts';
export {
  GoStruct,
  isNil,
  method,
  named,
  SafeHtml,
  SafeUrl,
  type TemplateFunction,
  type TemplateFunctions,
  typed,
  typeName,
  withMethods,
} from './values.ts';
