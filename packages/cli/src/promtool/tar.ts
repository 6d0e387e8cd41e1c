const BLOCK_BYTES = 512;
const MODE = 0o666;

/** Where the fields of a ustar header stand, and how long they are. */
const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  time: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
} as const;

/** A tar archive (ustar) of small files in one directory. @param nowMs when they were made, epoch milliseconds */
export function tarOf(files: ReadonlyMap<string, Uint8Array>, nowMs: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [name, bytes] of files) {
    const padding = (BLOCK_BYTES - (bytes.length % BLOCK_BYTES)) % BLOCK_BYTES;
    parts.push(headerOf(name, bytes.length, Math.floor(nowMs / 1000)), bytes, Buffer.alloc(padding));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK_BYTES)]);
}

function headerOf(name: string, size: number, seconds: number): Uint8Array {
  const header = Buffer.alloc(BLOCK_BYTES);
  const put = ([at, length]: readonly [number, number], text: string) => header.write(text, at, length, 'latin1');
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  put(FIELD.name, name);
  put(FIELD.mode, octal(MODE, 7));
  put(FIELD.uid, octal(0, 7));
  put(FIELD.gid, octal(0, 7));
  put(FIELD.size, octal(size, 11));
  put(FIELD.time, octal(seconds, 11));
  put(FIELD.checksum, ' '.repeat(FIELD.checksum[1]));
  put(FIELD.type, '0');
  put(FIELD.magic, 'ustar\x0000');
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(FIELD.checksum, `${octal(sum, 6)} `);
  return header;
}
