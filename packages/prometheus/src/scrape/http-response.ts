/** The parts of an answer's head that a scrape looks at. */
export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  /** By lower-case name; of a header given twice the last. */
  readonly headers: ReadonlyMap<string, string>;
}

/** Gets an answer in pieces. */
export interface ResponseSink {
  /** @returns whether the body is wanted; if not, the answer ends here and the connection with it */
  head(head: ResponseHead): boolean;
  /** Bytes `[start, end)` of the body; the buffer is used again after the call. */
  body(bytes: Buffer, start: number, end: number): void;
}

/** An answer that is not valid HTTP/1.1, or cut off. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
}

const HEAD_BYTES_MAX = 64 * 1024;
const TRAILER_BYTES_MAX = 16 * 1024;
const CHUNK_LINE_BYTES_MAX = 4096;

const STATUS_LINE = 0;
const HEADER_LINE = 1;
const BODY_OF_LENGTH = 2;
const BODY_TO_CLOSE = 3;
const CHUNK_SIZE = 4;
const CHUNK_DATA = 5;
const CHUNK_END = 6;
const TRAILER_LINE = 7;
const DONE = 8;
const UNWANTED = 9;

/**
 * Reads one HTTP/1.1 answer to a GET (RFC 9112) as its bytes come in: bounded, without pipelining, strict in all that
 * decides where the body ends.
 */
export class ResponseReader {
  /** Whether the connection can be used for another request, once `isDone`. */
  keepAlive = false;
  private state = STATUS_LINE;
  /** The part of a line that has come so far. */
  private partial = '';
  /** Bytes that lines of this part of the answer may still have. */
  private lineBytesLeft = HEAD_BYTES_MAX;
  /** Bytes that are missing of the body or chunk. */
  private left = 0;
  private version = 0;
  private status = 0;
  private statusText = '';
  private headers = new Map<string, string>();

  constructor(private readonly sink: ResponseSink) {}

  get isDone(): boolean {
    return this.state >= DONE;
  }

  /** Whether no byte has come yet. */
  get isSilent(): boolean {
    return this.state === STATUS_LINE && this.partial === '';
  }

  /** @throws HttpError, and what the sink throws */
  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.state === UNWANTED) return;
      if (this.state === DONE) throw new HttpError('the answer goes on after its end');
      if (this.state === BODY_OF_LENGTH || this.state === CHUNK_DATA || this.state === BODY_TO_CLOSE) {
        at = this.readBody(bytes, at);
      } else at = this.readLine(bytes, at);
    }
  }

  /** The other side has closed the connection. @throws HttpError where the answer is not complete */
  close(): void {
    if (this.state === BODY_TO_CLOSE) this.state = DONE;
    // What Node's own client says.
    if (!this.isDone) throw new HttpError(this.isSilent ? 'socket hang up' : 'aborted');
  }

  private readBody(bytes: Buffer, start: number): number {
    const end = this.state === BODY_TO_CLOSE ? bytes.length : Math.min(bytes.length, start + this.left);
    this.sink.body(bytes, start, end);
    if (this.state === BODY_TO_CLOSE) return end;
    this.left -= end - start;
    if (this.left === 0) this.state = this.state === CHUNK_DATA ? CHUNK_END : DONE;
    return end;
  }

  private readLine(bytes: Buffer, start: number): number {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    this.lineBytesLeft -= newline < 0 ? end - start : end - start + 1;
    if (this.lineBytesLeft < 0) throw new HttpError(TOO_LONG[this.state]);
    const part = bytes.toString('latin1', start, end);
    if (newline < 0) {
      this.partial += part;
      return end;
    }
    const line = this.partial === '' ? part : this.partial + part;
    this.partial = '';
    this.takeLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    return newline + 1;
  }

  private takeLine(line: string): void {
    if (this.state === STATUS_LINE) this.takeStatus(line);
    else if (this.state === HEADER_LINE) {
      if (line === '') this.endHead();
      else this.takeHeader(line);
    } else if (this.state === CHUNK_SIZE) this.takeChunkSize(line);
    else if (this.state === CHUNK_END) {
      if (line !== '') throw new HttpError(TOO_LONG[CHUNK_END]);
      this.expectChunk();
    } else if (line === '') this.state = DONE; // trailers are passed over
  }

  private takeStatus(line: string): void {
    const match = STATUS.exec(line);
    if (!match) throw new HttpError(`malformed HTTP response ${JSON.stringify(line.slice(0, 60))}`);
    this.version = Number(match[1]);
    this.status = Number(match[2]);
    this.statusText = match[3] ?? '';
    this.headers = new Map();
    this.state = HEADER_LINE;
  }

  private takeHeader(line: string): void {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    if (!TOKEN.test(name)) throw new HttpError(`malformed HTTP header ${JSON.stringify(line.slice(0, 60))}`);
    const key = name.toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = this.headers.get(key);
    if (before !== undefined && before !== value && FRAMING.has(key)) {
      throw new HttpError(`header ${name} is given twice: ${JSON.stringify(before)}, ${JSON.stringify(value)}`);
    }
    this.headers.set(key, value);
  }

  private endHead(): void {
    const { status, statusText, headers } = this;
    if (status === 101) throw new HttpError('the server switches to another protocol');
    if (status < 200) {
      this.state = STATUS_LINE;
      return;
    }
    const connection = headers.get('connection')?.toLowerCase() ?? '';
    this.keepAlive = this.version === 1 ? !connection.includes('close') : connection.includes('keep-alive');
    if (this.sink.head({ status, statusText, headers })) {
      this.frameBody();
    } else {
      this.keepAlive = false;
      this.state = UNWANTED;
    }
  }

  /** Decides where the body ends (RFC 9112, section 6.3). */
  private frameBody(): void {
    const encoding = this.headers.get('transfer-encoding')?.toLowerCase();
    const length = this.headers.get('content-length');
    if (this.status === 204 || this.status === 304) this.state = DONE;
    else if (encoding !== undefined) {
      if (encoding !== 'chunked') throw new HttpError(`unsupported transfer encoding ${JSON.stringify(encoding)}`);
      // Both may be an attempt to smuggle something: the connection is not used again.
      if (length !== undefined) this.keepAlive = false;
      this.expectChunk();
    } else if (length !== undefined) {
      this.left = Number(length);
      if (!/^\d+$/.test(length) || !Number.isSafeInteger(this.left)) {
        throw new HttpError(`bad Content-Length ${JSON.stringify(length)}`);
      }
      this.state = this.left === 0 ? DONE : BODY_OF_LENGTH;
    } else {
      this.keepAlive = false;
      this.state = BODY_TO_CLOSE;
    }
  }

  private expectChunk(): void {
    this.state = CHUNK_SIZE;
    this.lineBytesLeft = CHUNK_LINE_BYTES_MAX;
  }

  private takeChunkSize(line: string): void {
    const match = CHUNK.exec(line);
    if (!match) throw new HttpError(`malformed chunk size ${JSON.stringify(line.slice(0, 60))}`);
    this.left = Number.parseInt(match[1], 16);
    if (this.left > 0) {
      this.state = CHUNK_DATA;
      this.lineBytesLeft = 2;
    } else {
      this.state = TRAILER_LINE;
      this.lineBytesLeft = TRAILER_BYTES_MAX;
    }
  }
}

const NEWLINE = 10;
/** By state: what it means that a line, or all lines of that part, are too long. */
const TOO_LONG: Readonly<Record<number, string>> = {
  [STATUS_LINE]: 'the head of the answer is too large',
  [HEADER_LINE]: 'the head of the answer is too large',
  [CHUNK_SIZE]: 'the size of a chunk is too long',
  [CHUNK_END]: 'a chunk is longer than it says',
  [TRAILER_LINE]: 'the trailers of the answer are too large',
};
const STATUS = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const CHUNK = /^([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?$/;
/** Headers that decide where the body ends. */
const FRAMING = new Set(['content-length', 'transfer-encoding']);
