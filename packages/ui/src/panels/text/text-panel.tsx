import DOMPurify from 'dompurify';
import { marked } from 'marked';
import { type ReactNode, useMemo } from 'react';
import { interpolate } from '../../dashboard/interpolate.ts';
import { str } from '../../dashboard/json.ts';
import type { PanelProps } from '../panel-props.ts';

const LOADS = ['src', 'srcset', 'poster', 'background'];

/** A picture from elsewhere would tell its server who looks at what: only our own origin and inline ones are loaded. */
DOMPurify.addHook('uponSanitizeAttribute', (_node, attribute) => {
  const { attrName, attrValue } = attribute;
  if (LOADS.includes(attrName)) attribute.keepAttr = /^(?:data:image\/|\/(?!\/))/.test(attrValue);
  if (attrName === 'style' && /url\(|image-set\(/i.test(attrValue)) attribute.keepAttr = false;
});

/** Markdown or HTML from a dashboard file, which is somebody else's text: always sanitised, never scripts or frames. */
export function TextPanel({ panel, scope, width, height }: PanelProps): ReactNode {
  const content = str(panel.options.content);
  const mode = str(panel.options.mode, 'markdown');
  const html = useMemo(() => {
    const text = interpolate(content, scope, 'text');
    const rendered = mode === 'html' ? text : (marked.parse(text, { async: false }) as string);
    return DOMPurify.sanitize(rendered, { FORBID_TAGS: ['style', 'form', 'input', 'iframe'], ADD_ATTR: ['target'] });
  }, [content, mode, scope]);
  if (mode === 'code') {
    return (
      <pre className="am-text" style={{ width, height }}>
        {interpolate(content, scope, 'text')}
      </pre>
    );
  }
  // biome-ignore lint/security/noDangerouslySetInnerHtml: sanitised in the line that made it
  return <div className="am-text" style={{ width, height }} dangerouslySetInnerHTML={{ __html: html }} />;
}
