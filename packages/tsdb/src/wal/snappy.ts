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

/** Short pieces are moved as this many bytes, whatever their size: what is too much is written over by the next. */
const MOVE_BYTES = 32;

/** Room that a block of `length` bytes needs to be decompressed: the last move may go beyond it. */
export function snappyRoom(length: number): number {
  return length + 64 + MOVE_BYTES;
}

/**
 * Decompresses a block into `into`, which has `snappyRoom` for it.
 * @returns how many bytes it became
 * @throws RangeError where the block is not what it says
 */
export function snappyDecompress(bytes: Uint8Array, start: number, end: number, into: Uint8Array): number {
  const length = snappyLength(bytes, start, end);
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const target = new DataView(into.buffer, into.byteOffset, into.byteLength);
  const lastMove = bytes.length - MOVE_BYTES;
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
      if (size <= MOVE_BYTES && at <= lastMove) {
        target.setInt32(out, source.getInt32(at));
        target.setInt32(out + 4, source.getInt32(at + 4));
        for (let i = 8; i < size; i += 8) {
          target.setInt32(out + i, source.getInt32(at + i));
          target.setInt32(out + i + 4, source.getInt32(at + i + 4));
        }
      } else into.set(bytes.subarray(at, at + size), out);
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
    const stop = out + size;
    if (offset >= 4) {
      // A step never reads what it writes itself.
      target.setInt32(out, target.getInt32(out - offset));
      target.setInt32(out + 4, target.getInt32(out + 4 - offset));
      for (let to = out + 8; to < stop; to += 4) target.setInt32(to, target.getInt32(to - offset));
      out = stop;
    } else for (; out < stop; out++) into[out] = into[out - offset];
  }
  if (out !== length) throw new RangeError('snappy: the block is cut short');
  return length;
}

/** Room that `snappyCompress` may need for `length` bytes. */
export function snappyBytesMax(length: number): number {
  return 32 + length + Math.ceil(length / 6) + MOVE_BYTES;
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
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const target = new DataView(into.buffer, into.byteOffset, into.byteLength);
  for (let at = start; at < end; at += BLOCK_BYTES) {
    out = compressBlock(source, at, Math.min(end, at + BLOCK_BYTES), target, out);
  }
  return out;
}

/** Matches are looked for by a hash of the next four bytes; the longer there is none, the longer the steps. */
function compressBlock(bytes: DataView, start: number, end: number, into: DataView, from: number): number {
  let out = from;
  let literal = start;
  const limit = end - 15;
  if (start < limit) {
    table.fill(0);
    let at = start + 1;
    let skip = 32;
    while (at < limit) {
      const word = bytes.getInt32(at, true);
      const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - TABLE_BITS);
      const candidate = start + table[slot];
      table[slot] = at - start;
      if (word !== bytes.getInt32(candidate, true)) {
        at += skip >>> 5;
        skip++;
        continue;
      }
      let size = 4;
      while (at + size < end && bytes.getUint8(candidate + size) === bytes.getUint8(at + size)) size++;
      if (at > literal) out = putLiteral(bytes, literal, at, into, out);
      out = putCopy(at - candidate, size, into, out);
      at += size;
      literal = at;
      skip = 32;
    }
  }
  return literal < end ? putLiteral(bytes, literal, end, into, out) : out;
}

function putLiteral(bytes: DataView, start: number, end: number, into: DataView, from: number): number {
  let out = from;
  const size = end - start;
  if (size <= 60) into.setUint8(out++, (size - 1) << 2);
  else if (size <= 256) {
    into.setUint8(out++, 60 << 2);
    into.setUint8(out++, size - 1);
  } else {
    into.setUint8(out++, 61 << 2);
    into.setUint16(out, size - 1, true);
    out += 2;
  }
  if (size <= MOVE_BYTES && start + MOVE_BYTES <= bytes.byteLength) {
    for (let i = 0; i < size; i += 8) {
      into.setInt32(out + i, bytes.getInt32(start + i));
      into.setInt32(out + i + 4, bytes.getInt32(start + i + 4));
    }
  } else bytesOf(into, out, size).set(bytesOf(bytes, start, size));
  return out + size;
}

function bytesOf(view: DataView, start: number, size: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + start, size);
}

function putCopy(offset: number, length: number, into: DataView, from: number): number {
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
  into.setUint8(out, ((offset >>> 8) << 5) | ((size - 4) << 2) | 1);
  into.setUint8(out + 1, offset);
  return out + 2;
}

function putLongCopy(offset: number, size: number, into: DataView, out: number): number {
  into.setUint8(out, ((size - 1) << 2) | 2);
  into.setUint16(out + 1, offset, true);
  return out + 3;
}
