import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The version of Avalanche Monitor. */
export const VERSION = '0.1.0';

const here = dirname(fileURLToPath(import.meta.url));

/** The folder that the bundle lies in: beside it are the application's bundle and the built UI. */
export const distDirectory = existsSync(join(here, 'avalanche.js')) ? here : join(here, '..', 'dist');

export const uiDirectory = join(distDirectory, 'ui');
