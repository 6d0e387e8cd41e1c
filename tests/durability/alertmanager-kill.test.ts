// Kills the alertmanager role at random moments of a storm of 5,000 alerts: afterwards every group has been notified about
// in full, and none twice, but for what was under way when it was killed. KILL_ROUNDS=50 is the run of the release notes.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { randomNumbers } from '../support/random-numbers.ts';
import { freePort } from '../support/services.ts';
import { isBuilt } from '../support/stack.ts';

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 5);
const SEED = Number(process.env.KILL_SEED ?? 1);
const ALERTS = 5_000;
const GROUPS = 50;
const BATCH = 500;
/** A notification that was answered this long before the kill may not be in the log yet. */
const UNDER_WAY_MS = 150;
const command = fileURLToPath(new URL('../../packages/cli/bin/avalanche.mjs', import.meta.url));

interface Told {
  readonly at: number;
  readonly alerts: ReadonlySet<string>;
}

/** Keeps what each group was told. */
class Hook {
  readonly told = new Map<string, Told[]>();
  private readonly server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.end();
      const { groupKey, alerts } = JSON.parse(Buffer.concat(chunks).toString()) as {
        groupKey: string;
        alerts: { labels: { n: string } }[];
      };
      const list = this.told.get(groupKey) ?? [];
      this.told.set(groupKey, [...list, { at: Date.now(), alerts: new Set(alerts.map(({ labels }) => labels.n)) }]);
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

const directory = mkdtempSync(join(tmpdir(), 'avalanche-am-kill-'));
let child: ChildProcess | undefined;
const hook = new Hook();

afterEach(async () => {
  if (child) await killed(child);
  hook.close();
  rmSync(directory, { recursive: true, force: true });
});

function killed(process: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (process.exitCode !== null || process.signalCode !== null) return resolve();
    process.once('exit', () => resolve());
    process.kill('SIGKILL');
  });
}

async function start(port: number): Promise<ChildProcess> {
  const started = spawn(process.execPath, [
    ...[
      command,
      'alertmanager',
      `--config.file=${join(directory, 'am.yml')}`,
      `--storage.path=${join(directory, 'data')}`,
    ],
    ...[`--web.listen-address=127.0.0.1:${port}`, '--log.level=error', '--data.maintenance-interval=1s'],
  ]);
  for (let i = 0; i < 400; i++) {
    if ((await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined))?.ok) return started;
    await sleep(25);
  }
  throw new Error('it does not come up');
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Reports the first `share` of all alerts; a server that is killed meanwhile misses some, as Prometheus knows it. */
async function report(port: number, share: number, startsAt: string): Promise<void> {
  const endsAt = new Date(Date.now() + 600_000).toISOString();
  const count = Math.round(ALERTS * share);
  for (let from = 0; from < count; from += BATCH) {
    const alerts = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => ({
      labels: { alertname: 'Storm', n: String(from + i), g: String((from + i) % GROUPS) },
      ...{ startsAt, endsAt },
    }));
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(alerts);
    await fetch(`http://127.0.0.1:${port}/api/v2/alerts`, { method: 'POST', headers, body }).catch(() => {});
  }
}

describe.skipIf(!isBuilt)('kill -9 in a storm of alerts (needs a build)', () => {
  test(
    `${ROUNDS} kills leave no group unnotified and none notified twice`,
    async () => {
      const random = randomNumbers(SEED);
      const url = await hook.listen();
      writeFileSync(
        join(directory, 'am.yml'),
        `route: {receiver: hook, group_by: [g], group_wait: 200ms, group_interval: 400ms, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: '${url}'}]}]
`,
      );
      const port = await freePort();
      const startsAt = new Date().toISOString();
      const kills: number[] = [];
      for (let round = 1; round <= ROUNDS; round++) {
        child = await start(port);
        const life = 50 + random() * 900;
        const reporting = report(port, round / ROUNDS, startsAt);
        await sleep(life);
        kills.push(Date.now());
        await killed(child);
        await reporting;
      }
      child = await start(port);
      await report(port, 1, startsAt);
      for (let i = 0; i < 100 && !isAllTold(); i++) await sleep(100);
      await sleep(1_000);
      expect(isAllTold()).toBe(true);
      expect(unexplainedRepeats(kills)).toEqual([]);
    },
    60_000 + ROUNDS * 5_000,
  );
});

function isAllTold(): boolean {
  const lists = [...hook.told.values()];
  const complete = lists.filter((list) => new Set(list.flatMap(({ alerts }) => [...alerts])).size === ALERTS / GROUPS);
  return complete.length === GROUPS;
}

/** Notifications that told nothing new, though the one before was long answered when the process was killed. */
function unexplainedRepeats(kills: readonly number[]): string[] {
  const repeats: string[] = [];
  for (const [group, list] of hook.told) {
    for (let i = 1; i < list.length; i++) {
      const [before, now] = [list[i - 1], list[i]];
      const isNew = [...now.alerts].some((alert) => !before.alerts.has(alert));
      // after a restart a group has only what was reported again: fewer alerts are no news either
      const isExplained = kills.some((at) => at >= before.at - UNDER_WAY_MS && at <= before.at + UNDER_WAY_MS);
      if (!isNew && !isExplained) repeats.push(`${group} after ${now.at - before.at} ms`);
    }
  }
  return repeats;
}
