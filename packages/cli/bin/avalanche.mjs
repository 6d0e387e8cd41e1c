#!/usr/bin/env node
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { setFlagsFromString } from 'node:v8';

// Before anything is loaded: whoever is asked to end while it starts ends as it does later.
const stop = new AbortController();
const abort = () => stop.abort();
const SIGNALS = ['SIGTERM', 'SIGINT'];
for (const signal of SIGNALS) process.on(signal, abort);
const release = () => SIGNALS.forEach((signal) => void process.off(signal, abort));

nodeModule.enableCompileCache?.(); // Node 22 and later: the second start reads compiled code
// The young generation stays at its first size of 1 MB, three times, and does not grow to 48 MB under load: what lives longer than
// a moment lies in typed arrays, so little is copied.
setFlagsFromString('--semi-space-growth-factor=1');
const bundle = new URL('../dist/avalanche.js', import.meta.url);
if (existsSync(bundle)) (await import(bundle.href)).run(process.argv.slice(2), { signal: stop.signal, release });
else {
  process.stderr.write('avalanche is not built: run `npm ci` (or `npm run build`) in the checkout\n');
  process.exitCode = 1;
}
