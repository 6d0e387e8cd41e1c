import { type ReactNode, useMemo } from 'react';
import { interpolate } from '../../dashboard/interpolate.ts';
import { str } from '../../dashboard/json.ts';
import { markdownToHtml, sanitisedHtml } from '../../text/sanitised-html.ts';
import type { PanelProps } from '../panel-props.ts';

/** Markdown or HTML from a dashboard file, which is somebody else's text: always sanitised, never scripts or frames. */
export function TextPanel({ panel, scope, width, height }: PanelProps): ReactNode {
  const content = str(panel.options.content);
  const mode = str(panel.options.mode, 'markdown');
  const html = useMemo(() => {
    const text = interpolate(content, scope, 'text');
    return mode === 'html' ? sanitisedHtml(text) : markdownToHtml(text);
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
