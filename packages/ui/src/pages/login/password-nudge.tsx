import { Button } from '@mantine/core';
import { IconKey } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { useLocation } from 'wouter';
import { useApp } from '../../state/app-context.tsx';

/** Reminds of the password that everybody knows, until it is changed; may be put off for this visit. */
export function PasswordNudge(): ReactNode {
  const { user } = useApp();
  const [, navigate] = useLocation();
  const [later, setLater] = useState(false);
  if (!user?.usesDefaultPassword || later) return null;
  return (
    <div className="am-notice" role="status">
      <IconKey size={18} aria-hidden="true" />
      <span className="am-grow">
        You are signed in with the password that every installation starts with. Anyone who reaches this page can guess
        it.
      </span>
      <Button size="compact-sm" onClick={() => navigate('/account')}>
        Change it
      </Button>
      <Button size="compact-sm" variant="subtle" color="gray" onClick={() => setLater(true)}>
        Later
      </Button>
    </div>
  );
}
