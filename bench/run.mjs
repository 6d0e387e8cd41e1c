// Measures us beside the real systems with the harness in ../shared/bench: `npm run bench -- ingest --peers prometheus,avalanche`.
// Its README says what each bench measures. Needs a build and the peers' Debian packages.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Ours alone: the harness has none of them.
const own = { storm: './storm.mjs', exporters: './exporters.mjs', metrics: './metrics.mjs' }[process.argv[2]];
if (own) {
  await import(own);
  process.exit();
}

const root = fileURLToPath(new URL('..', import.meta.url));
const harness = fileURLToPath(new URL('../../shared/bench/run.mjs', import.meta.url));
if (!existsSync(harness)) {
  console.error('the bench harness ../shared/bench is not on this machine');
  process.exit(1);
}
const { status } = spawnSync(process.execPath, [harness, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { AVALANCHE_DIR: root, ...process.env },
});
process.exit(status ?? 1);
