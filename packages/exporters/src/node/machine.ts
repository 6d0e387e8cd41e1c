import { closeSync, openSync, readdirSync, readSync } from 'node:fs';

/** Where a machine's /proc, /sys, / and udev's data are, so that a container can watch its host and a test a made-up machine. */
export interface Paths {
  readonly procfs: string;
  readonly sysfs: string;
  readonly rootfs: string;
  readonly udevData: string;
}

/** A file of the kernel that is larger is not what it should be, and would hold up everything else. */
const BYTES_MAX = 4 * 1024 * 1024;
/** Files with a line for each socket or mount. */
export const MANY_LINES_BYTES_MAX = 64 * 1024 * 1024;

const BUFFER_BYTES = 64 * 1024;
/** For one file after another; grows for a large one and shrinks again. */
let buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

/** Reads a file of /proc whole, however many reads it takes. @throws the file system's error, and where it is too large */
export function readText(path: string, bytesMax = BYTES_MAX): string {
  const fd = openSync(path, 'r');
  try {
    let size = 0;
    for (;;) {
      if (size >= bytesMax) throw new Error(`${path} is larger than ${bytesMax} bytes`);
      if (size === buffer.length) buffer = grown(buffer);
      const count = readSync(fd, buffer, size, buffer.length - size, null);
      if (count === 0) return buffer.toString('utf8', 0, size);
      size += count;
    }
  } finally {
    closeSync(fd);
    if (buffer.length > 16 * BUFFER_BYTES) buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  }
}

function grown(old: Buffer): Buffer {
  const larger = Buffer.allocUnsafeSlow(old.length * 4);
  old.copy(larger);
  return larger;
}

/** What one read of an attribute of /sys gives, trimmed: the kernel gives it whole. @throws the file system's error */
export function readAttribute(path: string): string {
  const fd = openSync(path, 'r');
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, 4096, null)).trim();
  } finally {
    closeSync(fd);
  }
}

/** An attribute, or undefined where it is not there or cannot be read. */
export function tryAttribute(path: string): string | undefined {
  try {
    return readAttribute(path);
  } catch {
    return undefined;
  }
}

/** A file's text, or undefined where it is not there or cannot be read. */
export function tryText(path: string): string | undefined {
  try {
    return readText(path);
  } catch {
    return undefined;
  }
}

/** A file's text, or undefined where it is not there. @throws the file system's error where it is and cannot be read */
export function readIfThere(path: string, bytesMax?: number): string | undefined {
  return ifThere(() => readText(path, bytesMax));
}

/** A whole number from an attribute. @throws where it cannot be read or is none */
export function readNumber(path: string): number {
  return wholeNumber(readAttribute(path), path);
}

/** A whole number from an attribute, or undefined where it is not there, not readable or none. */
export function tryNumber(path: string): number | undefined {
  const text = tryAttribute(path);
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** The entries of a directory, sorted as shells sort them. @throws the file system's error */
export function list(path: string): string[] {
  return readdirSync(path).sort();
}

/** The entries of a directory that `pattern` matches, or none where it is not there. */
export function listMatching(path: string, pattern: RegExp): string[] {
  return (ifThere(() => list(path)) ?? []).filter((name) => pattern.test(name));
}

/** What `read` gives, or undefined where a file is not there. @throws whatever else it throws */
export function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Whether nothing is at a path: neither it nor, on the way to it, a directory. */
export function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR';
}

/** Whether a file is there but cannot be read now, as drivers say it of attributes they do not have. */
export function isUnreadable(error: unknown): boolean {
  return ['ENOENT', 'EACCES', 'EPERM', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENODEV'].includes(errorCode(error));
}

export function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

/** @throws naming `where` where `text` is no whole number; above 2^53 the nearest that a sample can be */
export function wholeNumber(text: string | undefined, where: string): number {
  if (text === undefined || !/^-?\d+$/.test(text)) throw malformed(where, text);
  return Number(text);
}

/** A number in hexadecimal. @throws naming `where` where `text` is none */
export function hexNumber(text: string | undefined, where: string): number {
  if (text === undefined || !/^[0-9a-fA-F]+$/.test(text)) throw malformed(where, text);
  return Number.parseInt(text, 16);
}

/** A number with or without a fraction. @throws naming `where` where `text` is none */
export function decimal(text: string | undefined, where: string): number {
  const value = Number(text);
  if (text === undefined || text === '' || Number.isNaN(value)) throw malformed(where, text);
  return value;
}

export function malformed(where: string, text: string | undefined): Error {
  return new Error(
    `${where}: ${text === undefined ? 'too few fields' : `not a number: ${JSON.stringify(text.slice(0, 80))}`}`,
  );
}

/** The lines of a text that are not empty. */
export function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** The words of a line, cut at blanks and tabs. */
export function fields(line: string): string[] {
  const words: string[] = [];
  let begin = -1;
  for (let i = 0; i < line.length; i++) {
    const isBlank = line.charCodeAt(i) <= 0x20;
    if (isBlank && begin >= 0) {
      words.push(line.slice(begin, i));
      begin = -1;
    } else if (!isBlank && begin < 0) {
      begin = i;
    }
  }
  if (begin >= 0) words.push(line.slice(begin));
  return words;
}

/** The numbers of a list such as `0-3,8`. */
export function numbersOfRanges(text: string): number[] {
  const numbers: number[] = [];
  for (const range of text.trim().split(',')) {
    if (range === '') continue;
    const [first, last = first] = range.split('-');
    const end = wholeNumber(last, text);
    for (let n = wholeNumber(first, text); n <= end; n++) numbers.push(n);
  }
  return numbers;
}
