/** One connection to a broker, of however many sockets. */
export interface Session {
  close(): void | Promise<void>;
}

export interface ReconnectingOptions<S extends Session> {
  /** @param attempt counts from 0, so that each can go to another address; @param lost is to be called when it breaks */
  readonly connect: (attempt: number, lost: (error: Error) => void) => Promise<S>;
  readonly connected: () => void;
  readonly lost: (error: Error) => void;
  readonly retryMs: number;
}

/** Keeps one session open: connects again, after a while, whenever it could not be had or broke. */
export class Reconnecting<S extends Session> {
  private session: S | null = null;
  private timer: NodeJS.Timeout | undefined;
  private attempt = 0;
  private closed = false;

  constructor(private readonly options: ReconnectingOptions<S>) {}

  start(): void {
    void this.connect();
  }

  /** @throws Error where there is none just now */
  get current(): S {
    if (!this.session) throw new Error('no connection to the broker');
    return this.session;
  }

  /** Settles when the session is closed; that is no loss. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    const { session } = this;
    this.session = null;
    await session?.close();
  }

  private async connect(): Promise<void> {
    const attempt = this.attempt++;
    let over = false;
    const lost = (error: Error) => {
      if (over || this.closed) return;
      over = true;
      void this.session?.close();
      this.session = null;
      this.options.lost(error);
      this.timer = setTimeout(() => void this.connect(), this.options.retryMs);
    };
    try {
      const session = await this.options.connect(attempt, lost);
      if (this.closed || over) {
        await session.close();
        return;
      }
      this.session = session;
      this.options.connected();
    } catch (error) {
      lost(error as Error);
    }
  }
}
