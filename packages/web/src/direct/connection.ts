import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { acceptedEncoding, compressStream, compressWhole, type Encoding, isWorthCompressing } from '../compress.ts';
import { allPieces, drained, inOne, writePieces } from '../pieces.ts';
import { type PlainGet, readPlainGet } from './plain-get.ts';
import type { DirectAnswer, DirectMatch, DirectRoutes, Peer } from './routes.ts';

/** Bodies up to this size go with their head in one write: to copy them costs less than a second one. */
const ONE_WRITE_BYTES = 16 * 1024;

interface Surroundings {
  readonly idleMs: number;
  /** Lets Node's own listener have the socket, which has its data yet to be read. */
  readonly handOver: () => void;
  /** Called once, when the socket is closed or handed over. */
  readonly left: () => void;
}

/** A connection that is answered directly, as long as it sends nothing but plain GETs of our routes, one after the other. */
export class DirectConnection implements Peer {
  private busy = false;
  /** What came while a request was being answered. */
  private held: Buffer | null = null;

  constructor(
    private readonly socket: Socket,
    private readonly routes: DirectRoutes,
    private readonly around: Surroundings,
  ) {
    socket.on('data', this.onData).on('end', this.onEnd).on('timeout', this.onTimeout);
    socket.on('error', this.onError).on('close', this.onClose);
    socket.setTimeout(around.idleMs);
  }

  get ip(): string {
    return this.socket.remoteAddress ?? '';
  }

  get aborted(): boolean {
    return this.socket.destroyed;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.socket.once('close', listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.socket.off('close', listener);
  }

  close(): void {
    this.socket.destroy();
  }

  private readonly onData = (chunk: Buffer): void => {
    if (this.busy) {
      this.held = this.held ? Buffer.concat([this.held, chunk]) : chunk;
      this.socket.pause();
      return;
    }
    const request = readPlainGet(chunk);
    const match = request && this.routes.find(request.path);
    if (!match) {
      this.handOver(chunk);
      return;
    }
    this.busy = true;
    this.answer(request, match).then(this.answered, this.onError);
  };

  /** Who asks no more is gone, as for Node's server and for Go's. */
  private readonly onEnd = (): void => {
    if (this.busy) this.close();
    else this.socket.end();
  };

  private readonly onTimeout = (): void => {
    if (!this.busy) this.close();
  };

  private readonly onError = (): void => this.close();

  private readonly onClose = (): void => this.around.left();

  private handOver(chunk: Buffer): void {
    const { socket } = this;
    socket.off('data', this.onData).off('end', this.onEnd).off('timeout', this.onTimeout);
    socket.off('error', this.onError).off('close', this.onClose);
    socket.setTimeout(0);
    socket.pause();
    socket.unshift(chunk);
    this.around.left();
    this.around.handOver();
    socket.resume();
  }

  private readonly answered = (): void => {
    this.busy = false;
    const { held } = this;
    if (held === null || this.aborted) return;
    this.held = null;
    this.socket.resume();
    this.onData(held);
  };

  private async answer(request: PlainGet, { route, answer, name }: DirectMatch): Promise<void> {
    const begin = performance.now();
    const found = await answer(request, name, this);
    if (this.aborted) {
      found.body.rest?.return?.();
      return;
    }
    const before = this.socket.bytesWritten;
    const sent = found.body.rest === null ? this.sendWhole(request, found) : this.sendPieces(request, found);
    const length = typeof sent === 'number' ? sent : await sent;
    if (this.socket.writableNeedDrain) await drained(this.socket); // nothing more is read of who does not read
    const bytes = length ?? this.socket.bytesWritten - before;
    this.routes.served({ route, status: found.status, seconds: (performance.now() - begin) / 1000, bytes });
  }

  /** @returns the size of the body as it was sent */
  private sendWhole(request: PlainGet, answer: DirectAnswer): number | Promise<number> {
    const whole = inOne(answer.body);
    const encoding = isWorthCompressing(whole) ? acceptedEncoding(request.acceptEncoding) : undefined;
    if (encoding === undefined) {
      this.write(answer, undefined, whole);
      if (whole.length <= ONE_WRITE_BYTES) answer.body.recycle(whole);
      return whole.length;
    }
    return compressWhole(encoding, whole).then((body) => {
      this.write(answer, encoding, body);
      return body.length;
    });
  }

  private write(answer: DirectAnswer, encoding: Encoding | undefined, body: Buffer): void {
    const { socket } = this;
    const head = headOf(answer, encoding, `content-length: ${body.length}`);
    if (body.length <= ONE_WRITE_BYTES) {
      socket.write(head + body.toString('latin1'), 'latin1');
      return;
    }
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(body);
    socket.uncork();
  }

  /** @returns null: how large it is nobody knows */
  private async sendPieces(request: PlainGet, answer: DirectAnswer): Promise<null> {
    const { socket } = this;
    const encoding = acceptedEncoding(request.acceptEncoding);
    socket.write(headOf(answer, encoding, 'transfer-encoding: chunked'), 'latin1');
    const pieces = allPieces(answer.body);
    if (encoding === undefined) await writePieces(socket, pieces, (piece) => this.chunk(piece, answer.body.recycle));
    else {
      const compressed = compressStream(encoding, Readable.from(pieces, { objectMode: false }));
      await writePieces(socket, compressed, (piece) => this.chunk(piece, () => {}));
    }
    socket.write('0\r\n\r\n', 'latin1');
    return null;
  }

  private chunk(piece: Buffer, recycle: (piece: Buffer) => void): boolean {
    const { socket } = this;
    socket.cork();
    socket.write(`${piece.length.toString(16)}\r\n`, 'latin1');
    socket.write(piece, (error) => {
      if (!error) recycle(piece);
    });
    const isTaken = socket.write('\r\n', 'latin1');
    socket.uncork();
    return isTaken;
  }
}

function headOf({ status, contentType }: DirectAnswer, encoding: Encoding | undefined, length: string): string {
  const encoded = encoding === undefined ? '' : `content-encoding: ${encoding}\r\n`;
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${contentType}\r\nvary: Accept-Encoding\r\n${encoded}${length}\r\ndate: ${dateNow()}\r\n\r\n`;
}

let dateSecond = 0;
let dateText = '';

/** The `Date` of an answer, made once a second. */
function dateNow(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
