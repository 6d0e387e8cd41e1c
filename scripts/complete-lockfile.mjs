// Adds to package-lock.json the optional platform packages (`@biomejs/cli-darwin-arm64` …) that npm leaves out where the
// registry in use does not carry them: `npm ci` refuses a lock file without them. Each entry says for which system it
// is, so that npm fetches it there and nowhere else. Run after `npm install` on such a machine.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const file = join(dirname(fileURLToPath(import.meta.url)), '..', 'package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8'));
const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];

let added = 0;
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    const words = name.split(/[-/]/);
    const cpu = processors.find((processor) => words.includes(processor));
    if (path in lock.packages || cpu === undefined) continue;
    const os = systems.find((system) => words.includes(system));
    const libc = os === 'linux' && (words.includes('musl') ? 'musl' : words.includes('gnu') ? 'glibc' : undefined);
    lock.packages[path] = {
      version,
      cpu: [cpu],
      ...(entry.dev ? { dev: true } : {}),
      ...(libc ? { libc: [libc] } : {}),
      optional: true,
      ...(os ? { os: [os] } : {}),
    };
    added++;
  }
}
const root = lock.packages[''];
const rest = Object.entries(lock.packages)
  .filter(([path]) => path !== '')
  .sort(([a], [b]) => a.localeCompare(b, 'en'));
lock.packages = { '': root, ...Object.fromEntries(rest) };
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} platform packages added`);
