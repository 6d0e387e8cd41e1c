import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { PageGuard } from './page-guard.ts';

const guard = new PageGuard({ listenHost: 'am.lab.test', externalUrl: () => 'https://alerts.lab.test/am' });

const machine = hostname();

test.each([
  // who asks, under which name, and whether it is done
  [{}, 'evil.test', true],
  [{ origin: 'http://127.0.0.1:9090' }, '127.0.0.1:9093', true],
  [{ origin: 'http://[::1]:9090' }, '[::1]:9093', true],
  [{ origin: 'http://LOCALHOST' }, 'localhost:9093', true],
  [{ origin: `http://${machine}:9090` }, `${machine}:9093`, true],
  [{ origin: 'http://am.lab.test:9090' }, 'am.lab.test.:9093', true],
  [{ origin: 'https://alerts.lab.test' }, 'alerts.lab.test', true],
  // a proxy that asks in its own name
  [{ origin: 'https://alerts.lab.test' }, '127.0.0.1:9093', true],
  [{ 'sec-fetch-site': 'same-origin' }, 'localhost:9093', true],
  // a page of somebody else that asks for our address
  [{ origin: 'http://evil.test' }, '127.0.0.1:9093', false],
  // a loopback by its other name
  [{ origin: 'http://localhost:9090' }, '127.0.0.1:9093', true],
  [{ origin: 'http://[::1]:9090' }, 'localhost:9093', true],
  [{ origin: 'http://10.0.0.1' }, '127.0.0.1:9093', false],
  [{ origin: 'null' }, '127.0.0.1:9093', false],
  [{ 'sec-fetch-site': 'cross-site' }, '127.0.0.1:9093', false],
  // a name of somebody else that leads to our address
  [{ origin: 'http://evil.test:9093' }, 'evil.test:9093', false],
  [{ 'sec-fetch-site': 'same-origin' }, 'evil.test:9093', false],
  [{ origin: `http://${machine}.evil.test` }, `${machine}.evil.test`, false],
  [{ origin: 'http://localhost.evil.test' }, 'localhost.evil.test', false],
  [{ origin: 'http://127.0.0.1.evil.test' }, '127.0.0.1.evil.test', false],
  [{ origin: 'http://evil.test' }, '', false],
])('%o at %s', (headers, host, isDone) => {
  const ask = () => guard.refuseOtherSites({ headers, host });
  if (isDone) ask();
  else expect(ask).toThrow(/pages of this host|does not know itself/);
});
