import { type ReactNode, useState } from 'react';
import { useSearch } from 'wouter';
import { Page } from '../../shell/page.tsx';
import { Empty } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { lastAuthor, SilenceForm } from './silence-form.tsx';
import { initialMatchers, type SilenceDraft } from './silence-model.ts';

const CRUMBS = [{ word: 'Silences', href: '/silences' }];

export function NewSilencePage(): ReactNode {
  const { alertmanager, user } = useApp();
  const search = useSearch();
  const [initial] = useState(
    (): SilenceDraft => ({
      text: initialMatchers(search),
      start: '',
      length: '2h',
      author: user?.login ?? lastAuthor(),
      comment: new URLSearchParams(search).get('comment') ?? '',
    }),
  );
  return (
    <Page crumbs={CRUMBS} title="New silence">
      {alertmanager ? (
        <SilenceForm alertmanager={alertmanager} initial={initial} />
      ) : (
        <Empty title="No Alertmanager here">Silences are kept by Alertmanager.</Empty>
      )}
    </Page>
  );
}
