// Runs the whole test suite. As root, first installs the Debian packages that the tests start for real (unless
// --no-install is given or all are there); what stays missing is skipped by name. Further arguments go to vitest.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const install = !args.includes('--no-install');
const vitestArgs = args.filter((arg) => arg !== '--no-install');

if (install && process.getuid?.() === 0) {
  const { status } = spawnSync('bash', [join(root, 'scripts/install-test-packages.sh')], { stdio: 'inherit' });
  if (status !== 0) console.error('Some Debian packages could not be installed; the tests that need them are skipped.');
}

const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--reporter=default', `--reporter=${join(root, 'scripts/summary-reporter.mjs')}`, ...vitestArgs],
  { stdio: 'inherit', cwd: root },
);
process.exit(status ?? 1);
