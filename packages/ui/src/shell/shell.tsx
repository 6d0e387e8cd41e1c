import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand } from '@tabler/icons-react';
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useApp } from '../state/app-context.tsx';
import { useStoredFlag } from '../state/stored.ts';
import { Brand } from './brand.tsx';
import { KeyHelp } from './key-help.tsx';
import { isCurrent, type NavItem, navigation } from './navigation.ts';
import { SearchDialog } from './search-dialog.tsx';
import { ShellContext } from './shell-context.ts';

/** The frame of every page: rail or bottom bar, search and the keys. */
export function Shell({ children }: { readonly children: ReactNode }): ReactNode {
  const { boot } = useApp();
  const [path] = useLocation();
  const [narrow, toggleNarrow] = useStoredFlag('avalanche.rail.narrow', false);
  const [dialog, setDialog] = useState<'search' | 'keys' | undefined>(undefined);
  const items = useMemo(() => navigation(boot), [boot]);
  const context = useMemo(() => ({ openSearch: () => setDialog('search'), openKeys: () => setDialog('keys') }), []);
  useKeys(items, setDialog);
  const nav = (item: NavItem): ReactNode => (
    <NavLink key={item.word} item={item} current={isCurrent(item, path, boot)} />
  );
  return (
    <ShellContext value={context}>
      <a className="am-skip" href="#content">
        Skip to content
      </a>
      <div className={narrow ? 'am-shell am-narrow' : 'am-shell'}>
        <nav className="am-rail" aria-label="Main">
          <Link href="/" className="am-brand">
            <Brand size={24} />
            <span className="am-word">Avalanche</span>
          </Link>
          {items.map(nav)}
          <div className="am-grow" />
          <button
            type="button"
            className="am-nav"
            onClick={toggleNarrow}
            aria-label={narrow ? 'Show words in the navigation' : 'Show icons only'}
          >
            {narrow ? (
              <IconLayoutSidebarLeftExpand size={18} stroke={1.7} />
            ) : (
              <IconLayoutSidebarLeftCollapse size={18} stroke={1.7} />
            )}
            <span className="am-word">Collapse</span>
          </button>
        </nav>
        <div className="am-main">{children}</div>
        <nav className="am-bottom" aria-label="Main, phone">
          {items.filter((item) => item.onPhone).map(nav)}
        </nav>
      </div>
      {dialog === 'search' && <SearchDialog onClose={() => setDialog(undefined)} />}
      {dialog === 'keys' && <KeyHelp items={items} onClose={() => setDialog(undefined)} />}
    </ShellContext>
  );
}

function NavLink({ item, current }: { readonly item: NavItem; readonly current: boolean }): ReactNode {
  const inner = (
    <>
      <item.icon size={18} stroke={1.7} />
      <span className="am-word">{item.word}</span>
    </>
  );
  if (item.external) {
    return (
      <a className="am-nav" href={item.href} title={item.word}>
        {inner}
      </a>
    );
  }
  return (
    <Link className="am-nav" href={item.href} title={item.word} aria-current={current ? 'page' : undefined}>
      {inner}
    </Link>
  );
}

const CHORD_MS = 1200;

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

function useKeys(items: readonly NavItem[], setDialog: (dialog: 'search' | 'keys') => void): void {
  const [, navigate] = useLocation();
  const chordAt = useRef(0);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key === 'k') {
        event.preventDefault();
        setDialog('search');
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.key === '/' || event.key === '?') {
        event.preventDefault();
        setDialog(event.key === '/' ? 'search' : 'keys');
        return;
      }
      const now = event.timeStamp;
      if (event.key === 'g') {
        chordAt.current = now;
        return;
      }
      const item = now - chordAt.current < CHORD_MS ? items.find(({ key }) => key === event.key) : undefined;
      chordAt.current = 0;
      if (item?.external) location.assign(item.href);
      else if (item) navigate(item.href);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [items, navigate, setDialog]);
}
