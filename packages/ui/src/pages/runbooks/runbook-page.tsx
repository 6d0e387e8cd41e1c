import { type ReactNode, useMemo } from 'react';
import { Link } from 'wouter';
import { fetchText } from '../../api/http.ts';
import { useRemote } from '../../api/use-remote.ts';
import { Page } from '../../shell/page.tsx';
import { Skeleton } from '../../shell/pictures.tsx';
import { markdownToHtml } from '../../text/sanitised-html.ts';

/** What to do when an alert fires: the runbook of its name, from the files beside the configuration. */
export function RunbookPage({ name }: { readonly name: string }): ReactNode {
  const url = `/ui/runbooks/${encodeURIComponent(name)}`;
  const remote = useRemote(`runbook ${name}`, (signal) => fetchText(url, { signal }));
  const html = useMemo(() => markdownToHtml(remote.data ?? ''), [remote.data]);
  return (
    <Page crumbs={[{ word: 'Alerts', href: '/alerts' }]} title={name}>
      <section className="am-card am-pad">
        {remote.loading && remote.data === undefined && <Skeleton height={240} />}
        {remote.error && <p className="am-dim">There is no runbook for {name}.</p>}
        {/* biome-ignore lint/security/noDangerouslySetInnerHtml: sanitised where it was made */}
        <div className="am-text" dangerouslySetInnerHTML={{ __html: html }} />
      </section>
      <Link href={`/alerts/${encodeURIComponent(name)}`}>State of this alert</Link>
    </Page>
  );
}
