import { type ReactNode, useMemo } from 'react';
import { fetchText } from '../../api/http.ts';
import { rootPath } from '../../api/root.ts';
import { type Remote, useRemote } from '../../api/use-remote.ts';
import { markdownToHtml } from '../../text/sanitised-html.ts';

/** The runbook of an alert's name, from the files beside the configuration; an error where there is none. */
export function useRunbook(name: string): Remote<string> {
  return useRemote(`runbook ${name}`, (signal) =>
    fetchText(`${rootPath()}/ui/runbooks/${encodeURIComponent(name)}`, { signal }),
  );
}

/** A runbook's text, one level below the page's heading; its own title is left out, for the page says it. */
export function RunbookText({ markdown }: { readonly markdown: string }): ReactNode {
  const html = useMemo(() => markdownToHtml(markdown.replace(/^\s*# .*\n/, '')), [markdown]);
  return (
    // biome-ignore lint/security/noDangerouslySetInnerHtml: sanitised where it was made
    <div className="am-text am-runbook" dangerouslySetInnerHTML={{ __html: html }} />
  );
}
