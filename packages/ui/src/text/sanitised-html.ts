import DOMPurify from 'dompurify';
import { marked } from 'marked';

const LOADS = ['src', 'srcset', 'poster', 'background'];

/** A picture from elsewhere would tell its server who looks at what: only our own origin and inline ones are loaded. */
DOMPurify.addHook('uponSanitizeAttribute', (_node, attribute) => {
  const { attrName, attrValue } = attribute;
  if (LOADS.includes(attrName)) attribute.keepAttr = /^(?:data:image\/|\/(?!\/))/.test(attrValue);
  if (attrName === 'style' && /url\(|image-set\(/i.test(attrValue)) attribute.keepAttr = false;
});

/** Somebody else's HTML without what could run or phone home. */
export function sanitisedHtml(html: string): string {
  return DOMPurify.sanitize(html, { FORBID_TAGS: ['style', 'form', 'input', 'iframe'], ADD_ATTR: ['target'] });
}

export function markdownToHtml(markdown: string): string {
  return sanitisedHtml(marked.parse(markdown, { async: false }) as string);
}
