import { Button, PasswordInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useState } from 'react';
import { grafana } from '../../api/grafana/client.ts';
import { errorMessage } from '../../api/http.ts';
import { Page } from '../../shell/page.tsx';
import { useApp } from '../../state/app-context.tsx';

const LENGTH_MIN = 8;

export function AccountPage(): ReactNode {
  const { user, setUser } = useApp();
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [again, setAgain] = useState('');
  const [error, setError] = useState('');
  const [state, setState] = useState<'idle' | 'busy' | 'done'>('idle');
  const short = fresh !== '' && fresh.length < LENGTH_MIN;
  const differs = again !== '' && again !== fresh;
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setState('busy');
    setError('');
    try {
      await grafana.changePassword(old, fresh);
      setState('done');
      if (user) setUser({ ...user, usesDefaultPassword: false });
      setOld('');
      setFresh('');
      setAgain('');
    } catch (cause) {
      setError(errorMessage(cause));
      setState('idle');
    }
  };
  return (
    <Page crumbs={[]} title="Change password">
      <form className="am-card am-pad am-stack" style={{ maxWidth: 380 }} onSubmit={(event) => void submit(event)}>
        {state === 'done' && <div className="am-notice am-ok">The password is changed.</div>}
        <PasswordInput
          label="Present password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={old}
          error={error || undefined}
          onChange={(event) => setOld(event.currentTarget.value)}
        />
        <PasswordInput
          label="New password"
          description={`At least ${LENGTH_MIN} characters`}
          autoComplete="new-password"
          required
          withAsterisk={false}
          value={fresh}
          error={short ? `${LENGTH_MIN - fresh.length} more characters` : undefined}
          onChange={(event) => setFresh(event.currentTarget.value)}
        />
        <PasswordInput
          label="New password again"
          autoComplete="new-password"
          required
          withAsterisk={false}
          value={again}
          error={differs ? 'Not the same' : undefined}
          onChange={(event) => setAgain(event.currentTarget.value)}
        />
        <Button
          type="submit"
          loading={state === 'busy'}
          disabled={fresh.length < LENGTH_MIN || fresh !== again || old === ''}
        >
          Change password
        </Button>
      </form>
    </Page>
  );
}
