/**
 * Snappy's block format (google/snappy format_description.txt) without an addon: records of a log are small, and a
 * call into native code with its allocation costs more than the work itself.
 * ```
 * length of the whole <uvarint> │ element …
 * literal:  length − 1 in 6 bits, or 60 … 63 and then 1 … 4 bytes │ 00      then the bytes
 * copy:     offset bits 8-10 <3> │ length − 4 <3> │ 01                       offset <1b>, lengths 4 to 11
 *           length − 1 <6> │ 10                                              offset <2b, little endian>
 *           length − 1 <6> │ 11                                              offset <4b, little endian>
 * ```
 */

/** How many bytes a block decompresses to. @throws RangeError where the length is cut short or beyond 32 bits */
export function snappyLength(bytes: Uint8Array, start: number, end: number): number {
  let length = 0;
  let scale = 1;
  for (let at = start; at < end && at < start + 5; at++) {
    length += (bytes[at] & 0x7f) * scale;
    if (bytes[at] < 0x80) return length;
    scale *= 0x80;
  }
  throw new RangeError('snappy: the length is cut short');
}

/**
 * Decompresses a block into `into`, which has room for `snappyLength` bytes.
 * @returns how many bytes that are
 * @throws RangeError where the block is not what it says
 */
export function snappyDecompress(bytes: Uint8Array, start: number, end: number, into: Uint8Array): number {
  const length = snappyLength(bytes, start, end);
  let at = start;
  while (bytes[at++] >= 0x80);
  let out = 0;
  while (at < end) {
    const tag = bytes[at++];
    let size = (tag >>> 2) + 1;
    if ((tag & 3) === 0) {
      if (size > 60) {
        const extra = size - 60;
        if (at + extra > end) throw new RangeError('snappy: a literal is cut short');
        size = 1;
        for (let i = 0, scale = 1; i < extra; i++, scale *= 256) size += bytes[at++] * scale;
      }
      if (at + size > end || out + size > length) throw new RangeError('snappy: a literal is cut short');
      if (size > 32) into.set(bytes.subarray(at, at + size), out);
      else for (let i = 0; i < size; i++) into[out + i] = bytes[at + i];
      at += size;
      out += size;
      continue;
    }
    let offset = bytes[at++];
    if ((tag & 3) === 1) {
      size = ((tag >>> 2) & 7) + 4;
      offset |= (tag >>> 5) << 8;
    } else {
      offset |= bytes[at++] << 8;
      if ((tag & 3) === 3) {
        offset += bytes[at] * 0x1_0000 + bytes[at + 1] * 0x100_0000;
        at += 2;
      }
    }
    if (at > end || offset === 0 || offset > out || out + size > length)
      throw new RangeError('snappy: a copy is wrong');
    // Byte by byte: what is copied may begin in what is being written.
    for (const stop = out + size; out < stop; out++) into[out] = into[out - offset];
  }
  if (out !== length) throw new RangeError('snappy: the block is cut short');
  return length;
}

/** Room that `snappyCompress` may need for `length` bytes. */
export function snappyBytesMax(length: number): number {
  return 32 + length + Math.ceil(length / 6);
}

const BLOCK_BYTES = 64 * 1024;
const TABLE_BITS = 12;
/** By hash of four bytes: where in the block they were last seen. */
const table = new Uint16Array(1 << TABLE_BITS);

/** Compresses `bytes` into `into`, which has room for `snappyBytesMax`. @returns how many bytes were written */
export function snappyCompress(bytes: Uint8Array, start: number, end: number, into: Uint8Array): number {
  let out = 0;
  let rest = end - start;
  while (rest >= 0x80) {
    into[out++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  into[out++] = rest;
  for (let at = start; at < end; at += BLOCK_BYTES) {
    out = compressBlock(bytes, at, Math.min(end, at + BLOCK_BYTES), into, out);
  }
  return out;
}

/** Matches are looked for by a hash of the next four bytes; the longer there is none, the longer the steps. */
function compressBlock(bytes: Uint8Array, start: number, end: number, into: Uint8Array, from: number): number {
  let out = from;
  let literal = start;
  const limit = end - 15;
  if (start < limit) {
    table.fill(0);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = start + 1;
    let skip = 32;
    while (at < limit) {
      const word = view.getInt32(at, true);
      const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - TABLE_BITS);
      const candidate = start + table[slot];
      table[slot] = at - start;
      if (word !== view.getInt32(candidate, true)) {
        at += skip >>> 5;
        skip++;
        continue;
      }
      let size = 4;
      while (at + size < end && bytes[candidate + size] === bytes[at + size]) size++;
      if (at > literal) out = putLiteral(bytes, literal, at, into, out);
      out = putCopy(at - candidate, size, into, out);
      at += size;
      literal = at;
      skip = 32;
    }
  }
  return literal < end ? putLiteral(bytes, literal, end, into, out) : out;
}

function putLiteral(bytes: Uint8Array, start: number, end: number, into: Uint8Array, from: number): number {
  let out = from;
  const size = end - start;
  if (size <= 60) into[out++] = (size - 1) << 2;
  else if (size <= 256) {
    into[out++] = 60 << 2;
    into[out++] = size - 1;
  } else {
    into[out++] = 61 << 2;
    into[out++] = (size - 1) & 0xff;
    into[out++] = (size - 1) >>> 8;
  }
  if (size > 32) into.set(bytes.subarray(start, end), out);
  else for (let i = 0; i < size; i++) into[out + i] = bytes[start + i];
  return out + size;
}

function putCopy(offset: number, length: number, into: Uint8Array, from: number): number {
  let out = from;
  let size = length;
  // At least four bytes are left for the last copy, the shortest that its form can be.
  while (size >= 68) {
    out = putLongCopy(offset, 64, into, out);
    size -= 64;
  }
  if (size > 64) {
    out = putLongCopy(offset, 60, into, out);
    size -= 60;
  }
  if (size >= 12 || offset >= 2048) return putLongCopy(offset, size, into, out);
  into[out++] = ((offset >>> 8) << 5) | ((size - 4) << 2) | 1;
  into[out++] = offset;
  return out;
}

function putLongCopy(offset: number, size: number, into: Uint8Array, out: number): number {
  into[out] = ((size - 1) << 2) | 2;
  into[out + 1] = offset;
  into[out + 2] = offset >>> 8;
  return out + 3;
}
