import { Button, PasswordInput, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useState } from 'react';
import { grafana } from '../../api/grafana/client.ts';
import { errorMessage } from '../../api/http.ts';
import { Brand } from '../../shell/brand.tsx';
import { useApp } from '../../state/app-context.tsx';

/** Signs in and stays at the address that was asked for. */
export function LoginPage(): ReactNode {
  const { setUser, boot } = useApp();
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const [error, setError] = useState('');
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
        <div className="am-dim am-small">A fresh installation has the user admin with the password admin.</div>
      </form>
    </main>
  );
}
