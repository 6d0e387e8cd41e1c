import { setFlagsFromString } from 'node:v8';

/** Of bytecode run, where V8's default is 67 kB: what is optimized then is what has run for a good while. */
const BYTES_BEFORE_OPTIMIZING = 2_000_000;

/**
 * Lets V8 keep memory small, and optimize only what is truly hot. Exporters are asked a few times a minute: optimizing their
 * code costs 16 MB that they never give back, and saves no time that can be measured.
 */
export function compileLate(): void {
  setFlagsFromString('--optimize-for-size');
  setFlagsFromString(`--interrupt-budget=${BYTES_BEFORE_OPTIMIZING}`);
}
