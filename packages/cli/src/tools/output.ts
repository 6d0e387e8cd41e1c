import { writeSync } from 'node:fs';

/** Where a tool's answer and its complaints go. */
export interface Output {
  out(text: string): void;
  err(text: string): void;
}

/** What ends a program whose reader has gone, as in `… | head`. */
const EXIT_BROKEN_PIPE = 141;
const BUFFER_CHARS = 64 * 1024;

/** Standard output and error, written at once, so that a dump never piles up in memory. */
export const standardOutput: Output = {
  out: (text) => writeAll(1, text),
  err: (text) => writeAll(2, text),
};

/** Collects small pieces into large writes. */
export class BufferedOut {
  private pending = '';

  constructor(private readonly output: Output) {}

  write(text: string): void {
    this.pending += text;
    if (this.pending.length > BUFFER_CHARS) this.flush();
  }

  flush(): void {
    if (this.pending !== '') this.output.out(this.pending);
    this.pending = '';
  }
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') process.exit(EXIT_BROKEN_PIPE);
      if (code !== 'EAGAIN') throw error;
      // A pipe that somebody has made non-blocking is full.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
