/** Bytes summed in one step. */
const STEP = 16;
/** `TABLES[k * 256 + b]`: what byte `b` adds to the sum with `k` bytes after it. */
const TABLES = buildTables();

/**
 * CRC-32C (Castagnoli), the checksum of every WAL record, chunk and index section; sixteen bytes a step.
 * @param previous the checksum of the bytes before these, to sum up in pieces
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, previous = 0): number {
  let crc = ~previous;
  let at = start;
  if (end - start >= STEP) {
    const view = viewOf(bytes);
    const origin = bytes.byteOffset;
    const stop = origin + end - STEP;
    let i = origin + start;
    for (; i <= stop; i += STEP) {
      const a = crc ^ view.getInt32(i, true);
      const b = view.getInt32(i + 4, true);
      const c = view.getInt32(i + 8, true);
      const d = view.getInt32(i + 12, true);
      crc =
        TABLES[0xf00 + (a & 0xff)] ^
        TABLES[0xe00 + ((a >>> 8) & 0xff)] ^
        TABLES[0xd00 + ((a >>> 16) & 0xff)] ^
        TABLES[0xc00 + (a >>> 24)] ^
        TABLES[0xb00 + (b & 0xff)] ^
        TABLES[0xa00 + ((b >>> 8) & 0xff)] ^
        TABLES[0x900 + ((b >>> 16) & 0xff)] ^
        TABLES[0x800 + (b >>> 24)] ^
        TABLES[0x700 + (c & 0xff)] ^
        TABLES[0x600 + ((c >>> 8) & 0xff)] ^
        TABLES[0x500 + ((c >>> 16) & 0xff)] ^
        TABLES[0x400 + (c >>> 24)] ^
        TABLES[0x300 + (d & 0xff)] ^
        TABLES[0x200 + ((d >>> 8) & 0xff)] ^
        TABLES[0x100 + ((d >>> 16) & 0xff)] ^
        TABLES[d >>> 24];
    }
    at = i - origin;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ TABLES[(crc ^ bytes[at]) & 0xff];
  return (crc ^ 0xffffffff) >>> 0;
}

/** A larger buffer is not kept alive for its view. */
const VIEW_KEPT_BYTES = 4 * 1024 * 1024;
let lastView: DataView = new DataView(new ArrayBuffer(0));

/** Over the whole buffer behind `bytes`. The last one is kept: sums follow one another in the same buffer. */
function viewOf(bytes: Uint8Array): DataView {
  if (lastView.buffer === bytes.buffer) return lastView;
  const view = new DataView(bytes.buffer);
  if (view.byteLength <= VIEW_KEPT_BYTES) lastView = view;
  return view;
}

function buildTables(): Int32Array {
  const tables = new Int32Array(STEP * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0x82f63b78 ^ (c >>> 1) : c >>> 1;
    tables[n] = c;
  }
  for (let i = 256; i < tables.length; i++) {
    const c = tables[i - 256];
    tables[i] = (c >>> 8) ^ tables[c & 0xff];
  }
  return tables;
}
