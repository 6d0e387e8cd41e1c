import { ActionIcon, Menu, useMantineColorScheme } from '@mantine/core';
import {
  IconChevronRight,
  IconDeviceDesktop,
  IconKeyboard,
  IconLogout,
  IconMoon,
  IconSearch,
  IconSun,
  IconUser,
} from '@tabler/icons-react';
import { type ReactNode, useContext, useEffect } from 'react';
import { Link, useLocation } from 'wouter';
import { grafana } from '../api/grafana/client.ts';
import { useApp } from '../state/app-context.tsx';
import { ShellContext } from './shell-context.ts';

export interface Crumb {
  readonly word: string;
  readonly href: string;
}

/** As the server gave it: `--web.page-title` may have set it. */
const APPLICATION = document.title || 'Avalanche Monitor';

/** A page: breadcrumb and its actions above, content below. */
export function Page(props: {
  readonly crumbs: readonly Crumb[];
  readonly title: string;
  readonly actions?: ReactNode;
  readonly flush?: boolean;
  readonly children: ReactNode;
}): ReactNode {
  const { crumbs, title } = props;
  useEffect(() => {
    document.title = title.trim() === '' ? APPLICATION : `${title} · ${APPLICATION}`;
  }, [title]);
  return (
    <>
      <header className="am-top">
        <nav className="am-crumbs am-grow" aria-label="Breadcrumb">
          {crumbs.map(({ word, href }) => (
            <span key={href} className="am-row" style={{ gap: 6, flexWrap: 'nowrap' }}>
              <Link href={href} className="am-dim">
                {word}
              </Link>
              <IconChevronRight size={14} aria-hidden="true" />
            </span>
          ))}
          <h1 title={title}>{title}</h1>
        </nav>
        {props.actions}
        <GlobalActions />
      </header>
      <main id="content" className={props.flush ? 'am-content am-flush' : 'am-content'} tabIndex={-1}>
        {props.flush ? props.children : <div className="am-wide am-stack">{props.children}</div>}
      </main>
    </>
  );
}

function GlobalActions(): ReactNode {
  const { openSearch, openKeys } = useContext(ShellContext);
  const { user } = useApp();
  return (
    <>
      <button type="button" className="am-searchbutton" onClick={openSearch} aria-label="Search (/)">
        <IconSearch size={15} aria-hidden="true" />
        <span>Search</span>
        <kbd>/</kbd>
      </button>
      <ThemeMenu />
      {user ? (
        <UserMenu onKeys={openKeys} />
      ) : (
        <ActionIcon variant="subtle" color="gray" onClick={openKeys} aria-label="Keys (?)" title="Keys (?)">
          <IconKeyboard size={18} stroke={1.7} />
        </ActionIcon>
      )}
    </>
  );
}

const THEMES = [
  { value: 'light', word: 'Light', icon: IconSun },
  { value: 'dark', word: 'Dark', icon: IconMoon },
  { value: 'auto', word: 'As the system', icon: IconDeviceDesktop },
] as const;

function ThemeMenu(): ReactNode {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const current = THEMES.find(({ value }) => value === colorScheme) ?? THEMES[2];
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={`Theme: ${current.word}`}
          title={`Theme: ${current.word}`}
        >
          <current.icon size={18} stroke={1.7} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {THEMES.map(({ value, word, icon: Icon }) => (
          <Menu.Item
            key={value}
            leftSection={<Icon size={16} />}
            onClick={() => setColorScheme(value)}
            aria-current={value === colorScheme ? 'true' : undefined}
            fw={value === colorScheme ? 600 : 400}
          >
            {word}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function UserMenu({ onKeys }: { readonly onKeys: () => void }): ReactNode {
  const { user, setUser } = useApp();
  const [, navigate] = useLocation();
  const signOut = async (): Promise<void> => {
    await grafana.logout().catch(() => {});
    setUser(undefined);
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={`Signed in as ${user?.login}`}
          title={`Signed in as ${user?.login}`}
        >
          <IconUser size={18} stroke={1.7} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{user?.login}</Menu.Label>
        <Menu.Item leftSection={<IconUser size={16} />} onClick={() => navigate('/account')}>
          Change password
        </Menu.Item>
        <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={onKeys}>
          Keys
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
