import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { Page } from '../../shell/page.tsx';
import { Empty, Skeleton } from '../../shell/pictures.tsx';
import { RunbookText, useRunbook } from './runbook.tsx';

/** What to do when an alert fires. */
export function RunbookPage({ name }: { readonly name: string }): ReactNode {
  const remote = useRunbook(name);
  const alert = `/alerts/${encodeURIComponent(name)}`;
  return (
    <Page
      crumbs={[
        { word: 'Alerts', href: '/alerts' },
        { word: name, href: alert },
      ]}
      title="Runbook"
    >
      {remote.error ? (
        <Empty title={`There is no runbook for ${name}`}>
          Runbooks are Markdown files, <code>config/runbooks/{name}.md</code>.
        </Empty>
      ) : (
        <section className="am-card am-pad">
          {remote.data === undefined ? <Skeleton height={240} /> : <RunbookText markdown={remote.data} />}
        </section>
      )}
      <Link href={alert}>State of {name}</Link>
    </Page>
  );
}
