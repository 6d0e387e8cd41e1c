import type { FlagSpecs } from '../flags.ts';
import { httpConfigFlag } from '../tools/http-config.ts';

/** Flags that every command takes. */
export const commonFlags: FlagSpecs = {
  'date.format': { kind: 'string', help: 'Format of date output.', default: '2006-01-02 15:04:05 MST' },
  verbose: { kind: 'boolean', short: 'v', help: '', ignored: true },
  'alertmanager.url': { kind: 'string', help: 'Alertmanager to talk to.', placeholder: 'URL' },
  output: { kind: 'string', short: 'o', help: 'Output formatter (simple, extended, json).', default: 'simple' },
  timeout: { kind: 'string', help: 'Timeout for the executed command.', default: '30s' },
  ...httpConfigFlag,
  // Our version says nothing of what a real Alertmanager understands.
  'version-check': { kind: 'boolean', help: '', default: 'true', ignored: true },
  'enable-feature': {
    kind: 'string',
    help: 'Features to enable, comma separated: classic-mode, utf8-strict-mode.',
    placeholder: 'NAMES',
  },
};
