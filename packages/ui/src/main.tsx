import './styles/mantine.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/pieces.css';
import './styles/panels.css';
import './styles/chart.css';
import './styles/pages.css';
import './styles/alerts.css';
import { MantineProvider } from '@mantine/core';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Router } from 'wouter';
import { findRoot, rootPath } from './api/root.ts';
import { Start } from './app.tsx';
import { pageOfHash } from './shell/upstream-address.ts';
import { theme } from './theme.ts';

const toRoot = document.querySelector<HTMLMetaElement>('meta[name="avalanche-root"]')?.content ?? '/';
findRoot(location.href, toRoot);
const address = pageOfHash(location.hash);
if (address) history.replaceState(null, '', rootPath() + address);

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <Router base={rootPath()}>
        <Start />
      </Router>
    </MantineProvider>
  </StrictMode>,
);
