/** How a query failed, in the words of Prometheus's HTTP API (`errorType`). */
export type PromQLErrorType = 'bad_data' | 'execution' | 'timeout' | 'canceled';

/** Any failure of a query. The HTTP API maps `errorType` to a status; nobody branches on the message. */
export class PromQLError extends Error {
  override readonly name = 'PromQLError';

  constructor(
    readonly errorType: PromQLErrorType,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A parse or type error at character `offset` of `text`, worded `line:column: parse error: …` as upstream. */
export class ParseError extends PromQLError {
  constructor(
    text: string,
    readonly offset: number,
    readonly reason: string,
  ) {
    super('bad_data', `${lineColumn(text, offset)}: parse error: ${reason}`);
  }
}

/** The error of an evaluation that cannot go on. */
export function executionError(message: string): PromQLError {
  return new PromQLError('execution', message);
}

/** `line:column` of a character offset, both counted from 1, the column in bytes of UTF-8 as upstream counts. */
export function lineColumn(text: string, offset: number): string {
  if (text === '') return 'unknown position';
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  const line = before.slice(0, lineStart).split('\n').length;
  return `${line}:${Buffer.byteLength(before.slice(lineStart)) + 1}`;
}
