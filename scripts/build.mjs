// Builds what a checkout needs to run: the command as one bundle, the library for applications, the web UI.
// `npm ci` runs it (as `prepare`), so a user never does. `--only cli,metrics,ui` builds a part.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

const only = process.argv[2] === '--only' ? (process.argv[3] ?? '').split(',') : ['metrics', 'cli', 'ui'];
const nodeModules = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)]);

/** Bundles our own source; what `external` says of it stays an import. What is minified keeps its names, for stack traces. */
async function bundle({ input, directory, external, minify = false, format = 'esm' }) {
  if (format === 'esm') rmSync(directory, { recursive: true, force: true });
  const build = await rolldown({
    input,
    platform: 'node',
    resolve: { conditionNames: ['@avalanche/source', 'import', 'node', 'default'] },
    external,
  });
  await build.write({
    dir: directory,
    format,
    minify: minify && { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    sourcemap: true,
    entryFileNames: format === 'esm' ? '[name].js' : '[name].cjs',
    chunkFileNames: '[name]-[hash].js',
  });
  await build.close();
}

/** Declarations for `import` and for `require`, whatever the module setting and the version of who compiles. */
function declareForBoth(directory) {
  for (const name of readdirSync(directory, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue;
    const file = join(directory, name);
    const text = readFileSync(file, 'utf8');
    const importing = (ending) => text.replace(/(from |import\()(['"]\.[^'"]*)\.ts/g, `$1$2${ending}`);
    writeFileSync(file, importing('.js'));
    writeFileSync(file.replace(/\.ts$/, '.cts'), importing('.cjs'));
  }
}

/** The UI is served from beside the command's bundle. */
function copyUi() {
  cpSync('packages/ui/dist', 'packages/cli/dist/ui', { recursive: true });
}

const isForeign = (id) =>
  nodeModules.has(id) || (!id.startsWith('.') && !id.startsWith('/') && !id.startsWith('@avalanche/'));
/** The command takes the packages of npm in, which starts it in two thirds of the time; not those that few roles load. */
const LOADED_LATE = /^(?:bullmq|ioredis|nodemailer|pg|pg-native|thread-stream)(?:$|\/)/;
/** Parts of Fastify that are never loaded: schema compilers, for which no route of ours has a use, and simulated requests. */
const NEVER_LOADED = /^(?:@fastify\/(?:ajv|fast-json-stringify)-compiler|light-my-request)(?:$|\/)/;
const isOutsideCommand = (id) => nodeModules.has(id) || LOADED_LATE.test(id) || NEVER_LOADED.test(id);

const steps = {
  async metrics() {
    const input = { index: 'packages/metrics/src/index.ts' };
    await bundle({ input, directory: 'packages/metrics/dist', external: isForeign });
    await bundle({ input, directory: 'packages/metrics/dist', external: isForeign, format: 'cjs' });
    execFileSync('node_modules/.bin/tsc', ['-p', 'packages/metrics/tsconfig.build.json'], { stdio: 'inherit' });
    declareForBoth('packages/metrics/dist');
  },
  async cli() {
    const input = {
      avalanche: 'packages/cli/src/main.ts',
      edna: 'apps/edna/src/main.ts',
      'edna-worker': 'apps/edna/src/compute/worker.ts',
      'password-worker': 'packages/web/src/config/password-worker.ts',
      'compaction-worker': 'packages/tsdb/src/compact/compaction-worker.ts',
      'replay-worker': 'packages/tsdb/src/wal/replay-worker.ts',
    };
    await bundle({ input, directory: 'packages/cli/dist', external: isOutsideCommand, minify: true });
    if (existsSync('packages/ui/dist')) copyUi();
  },
  async ui() {
    const { build } = await import('vite');
    await build({ root: 'packages/ui', logLevel: 'warn' });
    copyUi();
  },
};

for (const name of only) {
  const begin = performance.now();
  await steps[name]();
  console.log(`built ${name} in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
}
