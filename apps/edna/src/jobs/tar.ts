/** The part of POSIX ustar that a backup needs: regular files with short relative names. */

const BLOCK = 512;

/** The header block of a regular file. @throws Error where the name does not fit */
export function tarHeader(name: string, sizeBytes: number, modifiedSeconds: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const { prefix, rest } = splitName(name);
  block.write(rest, 0, 100, 'utf8');
  block.write('0000600\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124);
  block.write(`${Math.floor(modifiedSeconds).toString(8).padStart(11, '0')}\0`, 136);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\x0000', 257, 'latin1');
  block.write(prefix, 345, 155, 'utf8');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** Zeros up to the next block. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

/** What ends an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

function splitName(name: string): { prefix: string; rest: string } {
  if (Buffer.byteLength(name) <= 100) return { prefix: '', rest: name };
  const cut = name.lastIndexOf('/', 155);
  const [prefix, rest] = [name.slice(0, cut), name.slice(cut + 1)];
  if (cut <= 0 || Buffer.byteLength(rest) > 100) throw new Error(`the name is too long for a tar archive: ${name}`);
  return { prefix, rest };
}

/** One piece of a file in an archive; the last piece of each file has `last`. An empty file is one empty piece. */
export interface TarPiece {
  readonly name: string;
  readonly data: Buffer;
  readonly last: boolean;
}

/** Reads an archive back, piece by piece. @throws Error where a header's checksum is wrong or the archive is cut off */
export async function* readTar(chunks: AsyncIterable<Buffer>): AsyncGenerator<TarPiece> {
  let held: Buffer = Buffer.alloc(0);
  let name = '';
  let left = 0;
  let padding = 0;
  let ended = false;
  for await (const chunk of chunks) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      if (left > 0) {
        if (held.length === 0) break;
        const data = held.subarray(0, left);
        held = held.subarray(data.length);
        left -= data.length;
        yield { name, data, last: left === 0 };
      } else if (padding > 0) {
        if (held.length < padding) break;
        held = held.subarray(padding);
        padding = 0;
      } else {
        if (held.length < BLOCK) break;
        const header = held.subarray(0, BLOCK);
        held = held.subarray(BLOCK);
        if (header.every((byte) => byte === 0)) {
          ended = true;
          continue;
        }
        ({ name, size: left } = parseHeader(header));
        padding = (BLOCK - (left % BLOCK)) % BLOCK;
        if (left === 0) yield { name, data: Buffer.alloc(0), last: true };
      }
    }
  }
  if (!ended || left > 0) throw new Error('the archive is cut off');
}

function parseHeader(header: Buffer): { name: string; size: number } {
  const text = (start: number, length: number) => {
    const field = header.subarray(start, start + length);
    const end = field.indexOf(0);
    return field.toString('utf8', 0, end === -1 ? length : end);
  };
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (sum !== Number.parseInt(text(148, 8), 8)) throw new Error('a header of the archive is damaged');
  const prefix = text(345, 155);
  return { name: prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`, size: Number.parseInt(text(124, 12), 8) };
}
