import { TemplateSet } from '@avalanche/gotemplate';
import { parsedBy, parseHttpUrl, SECRET, text } from './values.ts';

/** As upstream, without the functions of notifications: they are not looked for here. */
const syntax = new TemplateSet();

/** Whether a text has templates in it. @throws TemplateError where they do not parse */
export function isTemplate(source: string): boolean {
  if (!source.includes('{{')) return false;
  syntax.compile('', source);
  return true;
}

/** @throws Error in upstream's words (config.SecretTemplateURL) */
function parseTemplatedUrl(address: string): string {
  if (address === '' || address === SECRET) return address;
  try {
    if (isTemplate(address)) return address;
  } catch (error) {
    throw new Error(`invalid template syntax: ${(error as Error).message}`);
  }
  try {
    return parseHttpUrl(address);
  } catch (error) {
    throw new Error(`invalid URL: ${(error as Error).message}`);
  }
}

/** An address of a web server that may be a template, or ''. */
export const templatedUrl = text().transform(parsedBy(parseTemplatedUrl));
