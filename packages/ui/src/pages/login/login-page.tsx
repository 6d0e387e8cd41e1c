import { Button, PasswordInput, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { grafana } from '../../api/grafana/client.ts';
import { errorMessage } from '../../api/http.ts';
import { Brand } from '../../shell/brand.tsx';
import { useApp } from '../../state/app-context.tsx';

/** Signs in and stays at the address that was asked for. */
export function LoginPage(): ReactNode {
  const { setUser, boot, expired } = useApp();
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const [error, setError] = useState('');
  useEffect(() => {
    document.title = 'Sign in · Avalanche Monitor';
  }, []);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError('');
    try {
      await grafana.login(login, password);
      setUser(await grafana.user());
    } catch (cause) {
      setError(errorMessage(cause));
      setBusy(false);
    }
  };
  return (
    <main className="am-login">
      <form className="am-card" onSubmit={(event) => void submit(event)}>
        <div className="am-row">
          <Brand size={32} />
          <div>
            <h1 style={{ fontSize: 18 }}>Avalanche Monitor</h1>
            <div className="am-dim am-small">{boot.version}</div>
          </div>
        </div>
        {expired && (
          <div className="am-notice" style={{ margin: 0 }} role="status">
            Your session has ended. Sign in to go on where you were.
          </div>
        )}
        <TextInput
          label="User"
          autoComplete="username"
          autoFocus
          required
          withAsterisk={false}
          value={login}
          onChange={(event) => setLogin(event.currentTarget.value)}
        />
        <PasswordInput
          label="Password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={password}
          error={error || undefined}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Button type="submit" loading={busy}>
          Sign in
        </Button>
        {!expired && (
          <div className="am-dim am-small">A fresh installation has the user admin with the password admin.</div>
        )}
      </form>
    </main>
  );
}
