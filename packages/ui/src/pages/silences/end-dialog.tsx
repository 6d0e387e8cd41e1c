import { Button, Modal } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { AlertmanagerClient } from '../../api/alertmanager/client.ts';
import { matchesLabels } from '../../api/alertmanager/matcher.ts';
import type { GettableAlert, Silence } from '../../api/alertmanager/types.ts';
import { errorMessage } from '../../api/http.ts';

/** Alerts that a silence's matchers match. */
export function mutedBy(silence: Silence, alerts: readonly GettableAlert[]): readonly GettableAlert[] {
  return alerts.filter((alert) => matchesLabels(silence.matchers, alert.labels));
}

/** Ends a silence, after it has said what that does. */
export function EndDialog(props: {
  readonly silence: Silence;
  readonly alerts: readonly GettableAlert[];
  readonly alertmanager: AlertmanagerClient;
  readonly onChanged: () => void;
  readonly onClose: () => void;
}): ReactNode {
  const { silence, alertmanager, onClose } = props;
  const [error, setError] = useState('');
  const count = mutedBy(silence, props.alerts).length;
  const end = async (): Promise<void> => {
    try {
      await alertmanager.expireSilence(silence.id);
      props.onChanged();
      onClose();
    } catch (cause) {
      setError(errorMessage(cause));
    }
  };
  return (
    <Modal opened onClose={onClose} title="End this silence now?">
      <div className="am-stack">
        <div>
          {count === 0
            ? 'No alert is muted by it at the moment.'
            : `${count} ${count === 1 ? 'alert that it mutes' : 'alerts that it mutes'} will notify again.`}{' '}
          It can be made again from the list of expired ones.
        </div>
        {error && <div className="am-notice am-crit">{error}</div>}
        <div className="am-row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={onClose}>
            Keep it
          </Button>
          <Button onClick={() => void end()}>End it</Button>
        </div>
      </div>
    </Modal>
  );
}
