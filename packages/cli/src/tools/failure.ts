const ERRNO = /^[A-Z0-9]+: (.*?), \w+(?: '.*')?$/s;

/** What went wrong as one line; null where it is our own fault and a stack is wanted. */
export function describeFailure(error: unknown): string | null {
  if (!(error instanceof Error) || error.message.startsWith('BUG:')) return null;
  if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) return null;
  return describeFileError(error) ?? error.message;
}

/** A file system's error in Go's words: `open data/x: no such file or directory`. */
function describeFileError(error: NodeJS.ErrnoException): string | null {
  const { syscall, path, message } = error;
  const reason = ERRNO.exec(message)?.[1];
  if (!syscall || !reason) return null;
  return path ? `${syscall} ${path}: ${reason}` : `${syscall}: ${reason}`;
}
