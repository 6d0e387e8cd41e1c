#!/usr/bin/env node
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { setFlagsFromString } from 'node:v8';

nodeModule.enableCompileCache?.(); // Node 22 and later: the second start reads compiled code
// The young generation stays at its first size of 1 MB, three times, and does not grow to 48 MB under load: what lives longer than
// a moment lies in typed arrays, so little is copied.
setFlagsFromString('--semi-space-growth-factor=1');
const bundle = new URL('../dist/avalanche.js', import.meta.url);
if (existsSync(bundle)) await import(bundle.href);
else {
  process.stderr.write('avalanche is not built: run `npm ci` (or `npm run build`) in the checkout\n');
  process.exitCode = 1;
}
