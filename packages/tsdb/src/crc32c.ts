/** Tables by which eight bytes are summed at once: entry 256·k + b is byte b followed by k zero bytes. */
const TABLES = buildTables();

/**
 * CRC-32C (Castagnoli), the checksum of every WAL record, chunk and index section.
 * @param previous the checksum of the bytes before these, to sum up in pieces
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, previous = 0): number {
  let crc = ~previous;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    crc =
      TABLES[0x700 + (crc & 0xff)] ^
      TABLES[0x600 + ((crc >>> 8) & 0xff)] ^
      TABLES[0x500 + ((crc >>> 16) & 0xff)] ^
      TABLES[0x400 + (crc >>> 24)] ^
      TABLES[0x300 + bytes[i + 4]] ^
      TABLES[0x200 + bytes[i + 5]] ^
      TABLES[0x100 + bytes[i + 6]] ^
      TABLES[bytes[i + 7]];
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ TABLES[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}

function buildTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0x82f63b78 ^ (c >>> 1) : c >>> 1;
    tables[n] = c;
  }
  for (let n = 256; n < tables.length; n++) {
    const before = tables[n - 256];
    tables[n] = (before >>> 8) ^ tables[before & 0xff];
  }
  return tables;
}
