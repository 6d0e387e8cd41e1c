import type { ReactNode } from 'react';
import { Page } from '../../shell/page.tsx';
import { Empty } from '../../shell/pictures.tsx';
import { DeliveryTabs } from './delivery-tabs.tsx';

/** Where this server knows no Alertmanager. */
export function NoAlertmanager({ title }: { readonly title: string }): ReactNode {
  return (
    <Page crumbs={[]} title={title}>
      <Empty title="No Alertmanager here">People are told by Alertmanager, and this server does not know one.</Empty>
    </Page>
  );
}

/** Where Alertmanager is another program than ours. */
export function NotOurs({ what }: { readonly what: string }): ReactNode {
  return (
    <>
      <div className="am-row">
        <DeliveryTabs />
      </div>
      <Empty title="This Alertmanager does not tell">
        {what} by <code>avalanche alertmanager</code>; the Alertmanager that answers here is another.
      </Empty>
    </>
  );
}
