import { type ReactNode, useEffect, useRef } from 'react';
import { useSearch } from 'wouter';
import type { AlertmanagerClient } from '../../api/alertmanager/client.ts';
import { useRemote } from '../../api/use-remote.ts';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { DeliveryTabs } from '../notifications/delivery-tabs.tsx';
import { NoAlertmanager } from '../notifications/no-log.tsx';
import { type ConfiguredReceiver, configuredReceivers } from './config-receivers.ts';
import { ReceiverCard } from './receiver-card.tsx';

export function ReceiversPage(): ReactNode {
  const { alertmanager } = useApp();
  return alertmanager ? <Receivers alertmanager={alertmanager} /> : <NoAlertmanager title="Receivers" />;
}

/** Who can be told, by what, how it went last, and a button that tries it. */
function Receivers({ alertmanager }: { readonly alertmanager: AlertmanagerClient }): ReactNode {
  const wanted = new URLSearchParams(useSearch()).get('receiver');
  const remote = useRemote('receivers with integrations', (signal) => allReceivers(alertmanager, signal));
  return (
    <Page crumbs={[]} title="Receivers">
      <div className="am-row">
        <DeliveryTabs />
      </div>
      <Loaded remote={remote} what="The receivers" height={300}>
        {(receivers) => (
          <div className="am-stack">
            {receivers.length === 0 && (
              <Empty title="No receivers">They stand under “receivers” in alertmanager.yml.</Empty>
            )}
            {receivers.map((receiver) => (
              <Scrolled key={receiver.name} wanted={receiver.name === wanted}>
                <ReceiverCard receiver={receiver} alertmanager={alertmanager} />
              </Scrolled>
            ))}
          </div>
        )}
      </Loaded>
    </Page>
  );
}

/** Names by the API, what stands behind them by the configuration. */
async function allReceivers(
  alertmanager: AlertmanagerClient,
  signal: AbortSignal,
): Promise<readonly ConfiguredReceiver[]> {
  const [names, status] = await Promise.all([alertmanager.receivers(signal), alertmanager.status(signal)]);
  const configured = new Map(configuredReceivers(status.config.original).map((receiver) => [receiver.name, receiver]));
  return names.map(({ name }) => configured.get(name) ?? { name, integrations: [] });
}

/** The one that the address names comes into sight. */
function Scrolled({ wanted, children }: { readonly wanted: boolean; readonly children: ReactNode }): ReactNode {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (wanted) ref.current?.scrollIntoView({ block: 'nearest' });
  }, [wanted]);
  return <div ref={ref}>{children}</div>;
}
