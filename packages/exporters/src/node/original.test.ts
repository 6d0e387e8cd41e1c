import { spawn, spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@avalanche/model';
import { expect, test } from 'vitest';
import { freePort } from '../../../../tests/support/services.ts';
import { startNodeExporter } from './start.ts';

const shared = (path: string) => fileURLToPath(new URL(`../../../../../shared/${path}`, import.meta.url));
const DIFF = shared('conformance/exporter-diff.mjs');
const MUST = shared('reference/exporters/must-node.txt');
const hasOriginal = spawnSync('prometheus-node-exporter', ['--version']).status === 0;

/** What Debian's package changes, or its version does otherwise; docs/exporters.md has the reasons. */
const DEBIAN_FLAGS = [
  '--no-collector.systemd',
  '--collector.textfile.directory=',
  '--collector.netdev.device-exclude=',
];
const OURS_FLAGS = { 'diskstats.device-exclude': ['^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$'] };
/** Labels that the newer version, which we follow, has in addition. */
const NEWER_LABELS = ['device_error', 'rotational', 'adminstate'];

test.skipIf(!hasOriginal || !existsSync(DIFF))(
  'beside the original on this machine: nothing that is needed is missing (Debian package prometheus-node-exporter, ../shared)',
  { timeout: 60_000 },
  async () => {
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    const original = spawn('prometheus-node-exporter', [`--web.listen-address=${address}`, ...DEBIAN_FLAGS], {
      stdio: 'ignore',
    });
    const ours = await startNodeExporter({
      listen: { host: '127.0.0.1', port: 0 },
      logger: silentLogger,
      version: 'test',
      flags: OURS_FLAGS,
    });
    try {
      await expect
        .poll(
          () =>
            fetch(`http://${address}/`).then(
              ({ ok }) => ok,
              () => false,
            ),
          { timeout: 10_000 },
        )
        .toBe(true);
      const compare = async (...options: string[]) => {
        // it runs where its address is that of the program: not by way of a link
        const args = [realpathSync(DIFF), ...options, `http://${address}/metrics`, `${ours.url}/metrics`];
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
        let output = '';
        child.stdout.on('data', (chunk) => {
          output += chunk;
        });
        const code = await new Promise((resolve) => child.once('close', resolve));
        return { code, output };
      };
      const must = await compare('--must', MUST);
      expect(must.output).toMatch(/^OK$/m);
      const labels = NEWER_LABELS.flatMap((label) => ['--ignore-label', label]);
      const all = await compare('--min', '95', '--ignore', '^node_scrape_collector_', ...labels);
      expect(all.output).toMatch(/^OK$/m);
      const lint = spawn(process.execPath, [realpathSync(DIFF), '--lint', `${ours.url}/metrics`], { stdio: 'ignore' });
      expect(await new Promise((resolve) => lint.once('exit', resolve))).toBe(0);
    } finally {
      original.kill();
      await ours.stop();
    }
  },
);
