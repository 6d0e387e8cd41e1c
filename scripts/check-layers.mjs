// Keeps the direction of dependencies (see ARCHITECTURE.md): a package may import only what is below it, declares what
// it imports, and reaches others through their public surface.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Files that only tests use. */
const FOR_TESTS = /(?:\.(?:test|bench)|-fixture)\.tsx?$/;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What each package of ours may import of ours. */
const allowed = {
  model: [],
  metrics: [],
  ui: [],
  web: ['model', 'yamlfile'],
  yamlfile: ['model'],
  exposition: ['model'],
  tsdb: ['model'],
  promql: ['model'],
  gotemplate: ['model'],
  exporters: ['model', 'web', 'yamlfile', 'exposition'],
  prometheus: ['model', 'web', 'yamlfile', 'exposition', 'tsdb', 'promql', 'gotemplate'],
  alertmanager: ['model', 'web', 'yamlfile', 'gotemplate'],
  grafana: ['model', 'web', 'yamlfile'],
  runs: ['model', 'metrics', 'web', 'exposition'],
  edna: ['model', 'metrics', 'web'],
  cli: [
    ...['model', 'web', 'yamlfile', 'exposition', 'tsdb', 'promql', 'gotemplate'],
    ...['prometheus', 'alertmanager', 'grafana', 'exporters', 'runs', 'edna'],
  ],
};

const problems = [];
for (const directory of [...subdirectories('packages'), ...subdirectories('apps')]) {
  const manifest = JSON.parse(readFileSync(join(root, directory, 'package.json'), 'utf8'));
  const name = manifest.name.replace('@avalanche/', '');
  const declared = { ...manifest.dependencies, ...manifest.devDependencies };
  if (!(name in allowed)) problems.push(`${directory}: no rule for this package in scripts/check-layers.mjs`);
  for (const file of sourceFiles(join(root, directory, 'src'))) {
    for (const specifier of importsOf(file)) check({ name, declared, directory, file, specifier });
  }
}

function check({ name, declared, directory, file, specifier }) {
  const where = relative(root, file);
  if (specifier.startsWith('.')) {
    const target = relative(root, join(dirname(file), specifier));
    const inside = target.startsWith(`${directory}/`);
    const support = FOR_TESTS.test(where) && target.startsWith('tests/support/');
    if (!inside && !support) problems.push(`${where}: imports ${specifier} from outside its package`);
    return;
  }
  if (specifier.startsWith('node:')) return;
  const ours = /^@avalanche\/([^/]+)(\/.*)?$/.exec(specifier);
  if (ours) {
    if (ours[2]) problems.push(`${where}: deep import ${specifier}`);
    const itself = ours[1] === name && where.endsWith('.test.ts');
    if (!itself && !(allowed[name] ?? []).includes(ours[1]))
      problems.push(`${where}: ${name} must not import ${ours[1]}`);
  }
  const packageName = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  if (!(packageName in declared) && !FOR_TESTS.test(where))
    problems.push(`${where}: ${packageName} is not a dependency of ${name}`);
}

function subdirectories(parent) {
  return readdirSync(join(root, parent))
    .map((entry) => join(parent, entry))
    .filter((path) => statSync(join(root, path)).isDirectory());
}

function sourceFiles(directory) {
  return readdirSync(directory, { recursive: true })
    .filter((path) => /\.(ts|tsx|mts)$/.test(path))
    .map((path) => join(directory, path));
}

function importsOf(file) {
  const text = readFileSync(file, 'utf8');
  const pattern =
    /^\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3]);
}

for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'dependency directions hold' : `${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
