import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { realAlertmanager, startRealAlertmanager } from '../../../../tests/support/real-alertmanager.ts';
import { ALERT, post, Stage } from '../testing-http.ts';
import { type ReceivedMail, startMailServer } from './email/testing-mail.ts';
import { comparable, configOf, ENTRIES } from './testing-entries.ts';
import { type ServiceRequest, Services } from './testing-services.ts';

const real = realAlertmanager ?? '';

/** N of 0.N; one that is built from a checkout knows no number and has everything. */
function realRelease(): number {
  const { stdout, stderr } = spawnSync(real, ['--version'], { encoding: 'utf8' });
  return Number(/version 0\.(\d+)/.exec(stdout + stderr)?.[1] ?? 999);
}

const release = real === '' ? 0 : realRelease();

let stage: Stage;
let services: Services;

beforeEach(async () => {
  stage = new Stage();
  if (!hasOpenssl) return;
  services = await Services.start(new Authority(stage.directory, 'services'));
  stage.onEnd(() => services.stop());
});
afterEach(() => stage.end());

describe.skipIf(!real || !hasOpenssl)(
  'requests beside the real Alertmanager (needs prometheus-alertmanager, openssl)',
  () => {
    const known = Object.keys(ENTRIES).filter((name) => ENTRIES[name][0] <= release);

    test.each(known)('%s', { timeout: 30_000 }, async (name) => {
      const yaml = configOf(name, services);
      const ours = await stage.start(yaml);
      const mine = await requestsOf(ours.url);
      await ours.stop();
      services.requests.length = 0;
      const theirs = await requestsOf(await startReal(yaml));
      expect(mine.map(comparable)).toEqual(theirs.map(comparable));
    });
  },
);

describe.skipIf(!real)('mail beside the real Alertmanager (needs prometheus-alertmanager)', () => {
  test('has the same headers and parts', { timeout: 30_000 }, async () => {
    const { server, mails, port } = await startMailServer();
    stage.onEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const yaml = `
global: {smtp_smarthost: '127.0.0.1:${port}', smtp_from: 'Ops <ops@lab.test>', smtp_require_tls: false, smtp_auth_username: me, smtp_auth_password: pass word}
route: {receiver: ops, group_by: [alertname], group_wait: 30ms, group_interval: 400ms}
receivers:
  - name: ops
    email_configs:
      - to: 'a@lab.test, "B, C" <b@lab.test>'
        html: '<p title="{{ .CommonAnnotations.summary }}">{{ range .Alerts }}<a href="{{ .GeneratorURL }}">{{ .Labels.instance }} + {{ .Annotations.summary }}</a>{{ end }}</p>'
        text: '{{ range .Alerts }}{{ .Labels.instance }} = ü {{ .Annotations.summary }}; {{ end }}'
        headers: {subject: '{{ .Status }} ü {{ .GroupLabels.alertname }}', X-Team: '{{ .CommonLabels.severity }}'}
`;
    const mailOf = async (url: string) => {
      mails.length = 0;
      await post(`${url}/api/v2/alerts`, [{ ...ALERT, startsAt: new Date().toISOString() }]);
      while (mails.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      return comparableMail(mails[0]);
    };
    const ours = await stage.start(yaml);
    const mine = await mailOf(ours.url);
    await ours.stop();
    expect(mine).toEqual(await mailOf(await startReal(yaml)));
    expect(mine.parts[1]).toContain(
      '<a href="http://prom.test/graph?g0.expr=x&amp;g0.tab=1">h:1 + Disk &lt;full&gt;</a>',
    );
  });
});

/** Without what is each one's own: date, id, boundary, how many quotes a name needs. */
function comparableMail({ from, to, user, method, head, text }: ReceivedMail) {
  const own = /^(?:Date|Message-Id|Content-Type|MIME-Version):/i;
  const headers = head.split('\r\n').filter((line) => !own.test(line));
  const decoded = headers.map((line) =>
    line
      .replace(/=\?utf-8\?q\?(.*?)\?=/gi, (_all, word: string) => quotedPrintable(word.replaceAll('_', ' ')))
      .replace(/\?=\s+=\?/g, ''),
  );
  const parts = text.split(/\r\n--\S+/).map((part) => quotedPrintable(part.split(/\r\n\r\n(.*)/s)[1] ?? ''));
  return {
    from,
    to,
    user,
    method,
    headers: decoded.sort(),
    parts: parts.map((part) => part.trim()).filter((part) => part !== ''),
  };
}

function quotedPrintable(text: string): string {
  const bytes = text.replace(/=([0-9A-F]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}

/** What the services get of two alerts that begin, and of their end. */
async function requestsOf(url: string): Promise<readonly ServiceRequest[]> {
  // an alert that began longer ago than group_wait is told of at once, perhaps without the other
  const startsAt = new Date().toISOString();
  const labels = (instance: string) => ({ ...ALERT.labels, job: 'node', instance });
  const alerts = ['h:1', 'h:2'].map((instance) => ({ ...ALERT, startsAt, labels: labels(instance) }));
  await post(`${url}/api/v2/alerts`, alerts);
  await settled();
  await post(
    `${url}/api/v2/alerts`,
    alerts.map((alert) => ({ ...alert, endsAt: new Date().toISOString() })),
  );
  await settled(services.requests.length + 1);
  return [...services.requests];
}

/** Waits for `count` requests and for those that follow each other at once. */
async function settled(count = 1): Promise<void> {
  await services.until(count);
  for (let before = 0; before !== services.requests.length; ) {
    before = services.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

async function startReal(yaml: string): Promise<string> {
  const configFile = join(stage.directory, 'real.yml');
  writeFileSync(configFile, yaml);
  const { url, stop } = await startRealAlertmanager({ configFile, directory: join(stage.directory, 'real') });
  stage.onEnd(stop);
  return url;
}
