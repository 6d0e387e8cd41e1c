/** A role that has started: where it answers, and how to end it. */
export interface RunningRole {
  readonly name: string;
  /** Base URL without a trailing slash, with the port it really listens on. */
  readonly url: string;
  /** Ends the role and frees its port and files. May be called again; never throws for being called twice. */
  stop(): Promise<void>;
}

/**
 * A role could not start, for a reason that the user can change. The command prints it as one line, without a stack:
 * `<role>: <message> (<flag that changes it>)`.
 */
export class StartupError extends Error {
  override readonly name = 'StartupError';
  /** What the program ends with, where upstream's means something by it. */
  readonly exitCode: number;

  constructor(
    readonly role: string,
    message: string,
    /** What to do about it, naming the flag or file, such as `choose another file with --config.file`. */
    readonly hint = '',
    options: ErrorOptions & { readonly exitCode?: number } = {},
  ) {
    super(message, options);
    this.exitCode = options.exitCode ?? 1;
  }
}
