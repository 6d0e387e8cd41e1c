import { type Labels, loadXxhash64 } from '@avalanche/model';
import { writeUtf8 } from './utf8.ts';

const hash64 = await loadXxhash64();
const SEPARATOR = 0xff;
let bytes = Buffer.alloc(1024);

/**
 * The hash by which the notification log knows an alert: XXH64 over names and values, each followed by the byte 0xff
 * (upstream notify.hashAlert), so that a log moves between the real Alertmanager and ours.
 */
export function alertHash(labels: Labels): bigint {
  let at = 0;
  for (const part of labels.pairs) {
    if (at + 3 * part.length + 1 > bytes.length) grow(at + 3 * part.length + 1);
    at = writeUtf8(bytes, part, at);
    bytes[at++] = SEPARATOR;
  }
  return hash64(bytes.subarray(0, at));
}

function grow(size: number): void {
  const bigger = Buffer.alloc(2 * size);
  bytes.copy(bigger);
  bytes = bigger;
}
