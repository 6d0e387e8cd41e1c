import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasChromium, launchBrowser } from '../support/browser.ts';
import { metricNamesInConfig } from '../support/config-metrics.ts';
import { hasPrometheus, startRealPrometheus } from '../support/real-prometheus.ts';
import { hasPostgres, hasRedis, type RunningService, startPostgres, startRedis } from '../support/services.ts';
import { eventually, isBuilt, prepareStack, query, ROLE_NAMES, type TestStack } from '../support/stack.ts';

/** One notification of Alertmanager's webhook, as far as the tests read it. */
interface Notification {
  readonly status: string;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

let postgres: RunningService;
let redis: RunningService;
let stack: TestStack;
let webhook: Server;
let smtp: SMTPServer;
const notifications: Notification[] = [];
const mails: { subject: string; html: string; text: string }[] = [];

async function startReceivers(): Promise<{ webhookUrl: string; smtpPort: number }> {
  webhook = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      notifications.push(JSON.parse(body) as Notification);
      response.end();
    });
  });
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, done) {
      simpleParser(stream).then(
        (mail) => {
          mails.push({ subject: mail.subject ?? '', html: mail.html || '', text: mail.text ?? '' });
          done();
        },
        (error: Error) => done(error),
      );
    },
  });
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', () => resolve()));
  return {
    webhookUrl: `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/`,
    smtpPort: (smtp.server.address() as AddressInfo).port,
  };
}

describe.skipIf(!isBuilt || !hasPostgres || !hasRedis)(
  'the whole stack on a real PostgreSQL and Redis (needs the Debian packages postgresql and redis-server, and a build)',
  () => {
    beforeAll(async () => {
      [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
      const { webhookUrl, smtpPort } = await startReceivers();
      stack = await prepareStack({
        'prometheus/prometheus.yml': (text) => text.replace(/(scrape|evaluation)_interval: 15s/g, '$1_interval: 1s'),
        'prometheus/alerts/rules.yml': (text) => text.replace(/for: \d+[mh]/g, 'for: 3s'),
        'alertmanager/alertmanager.yml': () => `
global: {smtp_smarthost: '127.0.0.1:${smtpPort}', smtp_from: 'monitor@example.org', smtp_require_tls: false}
route: {receiver: all, group_by: [alertname], group_wait: 500ms, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: all
    webhook_configs: [{url: '${webhookUrl}', send_resolved: true}]
    email_configs: [{to: 'lab@example.org', send_resolved: true}]
`,
      });
      await stack.up(['--demo'], { DATABASE_URL: postgres.url, REDIS_URL: redis.url });
    }, 120_000);

    afterAll(async () => {
      await stack?.dispose();
      webhook?.closeAllConnections();
      webhook?.close();
      smtp?.close(() => {});
      await Promise.all([postgres?.stop(), redis?.stop()]);
    }, 60_000);

    test('every port answers, and every target is up', async () => {
      for (const role of ROLE_NAMES) {
        expect((await fetch(`${stack.url(role)}/metrics`)).status, role).toBe(200);
      }
      const targets = await eventually(
        async () => {
          const response = await fetch(`${stack.url('prometheus')}/api/v1/targets`);
          const { data } = (await response.json()) as {
            data: { activeTargets: { scrapePool: string; health: string }[] };
          };
          return data.activeTargets;
        },
        (active) => active.length === 9 && active.every((target) => target.health === 'up'),
      );
      expect(targets.map((target) => target.scrapePool).sort()).toEqual([
        ...['alertmanager', 'application', 'celery', 'grafana', 'node', 'postgres', 'prometheus'],
        ...['pushgateway', 'redis'],
      ]);
    });

    test('every metric that the rules and dashboards name is exposed by a role of ours', async () => {
      // the pushgateway has series of jobs once one has reported itself
      const run = { kind: 'backup', name: 'nightly', schedule: '02:00', exit_status: 0, peak_memory_bytes: 1 };
      const reported = await fetch(`${stack.url('pushgateway')}/api/v1/runs`, {
        method: 'POST',
        body: JSON.stringify({ event: 'done', ...run }),
      });
      expect(reported.status).toBe(200);
      const synthetic = new Set(['up', 'ALERTS', 'ALERTS_FOR_STATE']);
      const missing = async () => {
        const texts = await Promise.all(
          ROLE_NAMES.map(async (role) => (await fetch(`${stack.url(role)}/metrics`)).text()),
        );
        const exposed = new Set<string>();
        for (const text of texts) {
          for (const [, name] of text.matchAll(/^([a-zA-Z_:][a-zA-Z0-9_:]*)/gm)) exposed.add(name);
          for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)/gm)) {
            exposed.add(name);
            if (type === 'histogram') for (const suffix of ['_bucket', '_sum', '_count']) exposed.add(name + suffix);
            if (type === 'summary') for (const suffix of ['_sum', '_count']) exposed.add(name + suffix);
          }
        }
        return (await metricNamesInConfig()).filter((name) => !exposed.has(name) && !synthetic.has(name));
      };
      expect(await eventually(missing, (names) => names.length === 0, 60_000)).toEqual([]);
    }, 90_000);

    test.skipIf(!hasPrometheus)('the real Prometheus scrapes every role (needs prometheus)', async () => {
      const real = await startRealPrometheus(ROLE_NAMES.map((role) => new URL(stack.url(role)).host));
      try {
        const up = await eventually(
          () => query(real.url, 'up'),
          (found) => found.length === ROLE_NAMES.length && found.every(({ value }) => value[1] === '1'),
        );
        expect(up).toHaveLength(ROLE_NAMES.length);
      } finally {
        await real.stop();
      }
    });

    test('a killed application is an alert: pending, firing, webhook and e-mail, and resolved when it is back', async () => {
      const states: string[] = [];
      const state = async () => {
        const firing = await query(stack.url('prometheus'), 'ALERTS{alertname="ApplicationDown"}');
        const now = firing[0]?.metric.alertstate ?? 'none';
        if (states.at(-1) !== now) states.push(now);
        return now;
      };
      const told = (status: string) => () =>
        notifications.some((n) =>
          n.alerts.some((a) => a.labels.alertname === 'ApplicationDown' && a.status === status),
        );
      await eventually(state, (now) => now === 'none');
      process.kill(stack.applicationPid(), 'SIGKILL');
      await eventually(state, (now) => now === 'firing');
      await eventually(told('firing'), (yes) => yes);
      const mail = await eventually(
        () => mails.find(({ subject }) => subject.includes('ApplicationDown')),
        (found) => found !== undefined,
      );
      expect(mail?.html).toContain('/runbooks/ApplicationDown');

      const { ports, dataDirectory } = stack;
      stack.run([
        ...['application', '--port', String(ports.application), '--queue-port', String(ports['celery-exporter'])],
        ...['--data-dir', `${dataDirectory}/application`],
      ]);
      await eventually(state, (now) => now === 'none');
      await eventually(told('resolved'), (yes) => yes);
      expect(states).toEqual(['none', 'pending', 'firing', 'none']);
    }, 90_000);

    test('PostgreSQL that goes away is an alert of its own', async () => {
      await postgres.stop();
      await eventually(
        () => query(stack.url('prometheus'), 'ALERTS{alertname="PostgreSQLDown",alertstate="firing"}'),
        (found) => found.length === 1,
      );
      postgres = await startPostgres({ port: postgres.port });
      await eventually(
        () => query(stack.url('prometheus'), 'ALERTS{alertname="PostgreSQLDown"}'),
        (found) => found.length === 0,
      );
    }, 90_000);

    test.skipIf(!hasChromium)(
      'each dashboard shows data in headless Chromium, no panel and no console in error (needs chromium)',
      async () => {
        const browser = await launchBrowser();
        try {
          const page = await browser.newPage({ viewport: { width: 1440, height: 4000 } });
          const errors: string[] = [];
          page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
          page.on('pageerror', (error) => errors.push(error.message));
          await page.goto(`${stack.url('grafana')}/`);
          await page.getByRole('textbox', { name: 'User' }).fill('admin');
          await page.getByRole('textbox', { name: 'Password' }).fill('admin');
          await page.getByRole('button', { name: /sign in|log in/i }).click();
          await page.getByRole('heading', { name: 'Home' }).waitFor();
          const uids = [
            'system-overview',
            'application-metrics',
            'database-performance',
            'task-queue',
            'edna-pipelines',
          ];
          for (const uid of uids) {
            await page.goto(`${stack.url('grafana')}/d/${uid}?from=now-5m&to=now`);
            await page.locator('.am-panel').first().waitFor();
            await page.waitForFunction(`document.querySelectorAll('.am-panel .am-skeleton').length === 0`);
            expect(await page.locator('.am-panel .am-failed').allTextContents(), uid).toEqual([]);
            const panels = await page.locator('.am-panel').count();
            const empty = await page.locator('.am-panel .am-picture').count();
            expect(panels, uid).toBeGreaterThan(5);
            expect(empty, `${uid}: panels without data`).toBeLessThan(panels / 2);
          }
          expect(errors).toEqual([]);
        } finally {
          await browser.close();
        }
      },
      120_000,
    );

    test('kill -9 and a restart lose no sample that a query had shown', async () => {
      const at = Date.now() / 1000 - 3; // a scrape under way may still bring samples of its own, earlier time
      const samples = async () => {
        const all = encodeURIComponent('{__name__=~".+"}[10m]');
        const url = `${stack.url('prometheus')}/api/v1/query?time=${at}&query=${all}`;
        const { data } = (await (await fetch(url)).json()) as {
          data: { result: { metric: Record<string, string>; values: [number, string][] }[] };
        };
        return new Map(data.result.map(({ metric, values }) => [JSON.stringify(metric), values]));
      };
      const before = await samples();
      expect([...before.values()].flat().length).toBeGreaterThan(10_000);
      expect(await stack.end('SIGKILL')).toBeNull();
      await eventually(
        async () => (await fetch(`${stack.url('node-exporter')}/metrics`).catch(() => null)) === null,
        (gone) => gone,
      );
      await stack.up(['--without', 'application,celery-exporter'], {
        DATABASE_URL: postgres.url,
        REDIS_URL: redis.url,
      });
      expect(await samples()).toEqual(before);
    }, 60_000);

    test('SIGTERM ends everything within five seconds, with 0, and nothing is lost', async () => {
      const begin = Date.now();
      expect(await stack.end('SIGTERM')).toBe(0);
      expect(Date.now() - begin).toBeLessThan(5_000);
    });
  },
);

describe.skipIf(!isBuilt)('what cannot start is one line, and an exit code (needs a build)', () => {
  const bad: readonly (readonly [string, (stack: TestStack) => Promise<string>, RegExp])[] = [
    [
      'a port in use',
      async (prepared) => {
        const blocker = createServer().listen(prepared.ports.grafana, '127.0.0.1');
        try {
          return await failure(prepared, ['--without', 'application']);
        } finally {
          blocker.close();
        }
      },
      /^up ended with 1: grafana: port \d+ is already in use \(choose another port with --port grafana=N/,
    ],
    [
      'an unwritable data directory',
      (prepared) => failure(prepared, ['--data-dir', '/proc/none']),
      /^up ended with 1: up: cannot write to \/proc\/none: \w+ \(choose another with --data-dir\)\n$/,
    ],
    [
      'an unknown role',
      (prepared) => failure(prepared, ['--only', 'promtheus']),
      /^up ended with 1: avalanche: --only: there is no role "promtheus"; the roles are application, /,
    ],
  ];

  async function failure(prepared: TestStack, args: readonly string[]): Promise<string> {
    return prepared.up(args).then(
      () => 'it started',
      (error: Error) => error.message,
    );
  }

  test.each(bad)('%s', async (_name, run, expected) => {
    const prepared = await prepareStack();
    try {
      expect(await run(prepared)).toMatch(expected);
    } finally {
      await prepared.dispose();
    }
  });

  test('an invalid file', async () => {
    const prepared = await prepareStack({
      'prometheus/prometheus.yml': (text) => text.replace('job_name: node', 'job_nam: node'),
    });
    try {
      const message = await failure(prepared, ['--without', 'application']);
      expect(message).toMatch(
        /^up ended with 2: prometheus: .*prometheus\.yml:\d+: scrape_configs\[1\]\.job_nam: unknown key/,
      );
      expect(message.split('\n')).toHaveLength(2);
    } finally {
      await prepared.dispose();
    }
  });

  test("something else on the port of an exporter that is not needed is nobody's business", async () => {
    const prepared = await prepareStack();
    const other = createServer((_request, response) => response.writeHead(404).end()).listen(
      prepared.ports['celery-exporter'],
      '127.0.0.1',
    );
    try {
      expect(await prepared.up(['--without', 'application'])).toMatch(/^celery-exporter\s+-\s+not configured/m);
    } finally {
      await prepared.dispose();
      other.closeAllConnections();
      other.close();
    }
  });

  test('what already answers is adopted', async () => {
    const prepared = await prepareStack();
    const target = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end('app_requests_total 1\n');
    }).listen(prepared.ports.application, '127.0.0.1');
    try {
      const table = await prepared.up();
      expect(table).toMatch(/^application\s+http:\/\/127\.0\.0\.1:\d+\s+adopted$/m);
    } finally {
      await prepared.dispose();
      target.closeAllConnections();
      target.close();
    }
  });
});
