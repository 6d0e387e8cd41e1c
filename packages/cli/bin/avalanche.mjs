#!/usr/bin/env node
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';

nodeModule.enableCompileCache?.(); // Node 22 and later: the second start reads compiled code
const bundle = new URL('../dist/avalanche.js', import.meta.url);
if (existsSync(bundle)) await import(bundle.href);
else {
  process.stderr.write('avalanche is not built: run `npm ci` (or `npm run build`) in the checkout\n');
  process.exitCode = 1;
}
