import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { SilenceForm } from './silence-form.tsx';
import { draftOf } from './silence-model.ts';
import { againHref, useSilence } from './use-silence.ts';

/** Changes a silence. It is read once: what is typed must not be overwritten. */
export function EditSilencePage({ id }: { readonly id: string }): ReactNode {
  const { alertmanager } = useApp();
  const remote = useSilence(id);
  const crumbs = [
    { word: 'Silences', href: '/silences' },
    { word: id.slice(0, 8), href: `/silences/${id}` },
  ];
  return (
    <Page crumbs={crumbs} title="Edit silence">
      <Loaded remote={remote} what="The silence" height={400}>
        {(silence) => {
          if (silence.status.state === 'expired') {
            return (
              <Empty title="This silence has ended">
                What has ended cannot be changed. <Link href={againHref(silence)}>Make it again</Link>
              </Empty>
            );
          }
          return alertmanager && <SilenceForm alertmanager={alertmanager} initial={draftOf(silence)} old={silence} />;
        }}
      </Loaded>
    </Page>
  );
}
