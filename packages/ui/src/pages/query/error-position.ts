export interface ErrorPosition {
  readonly line: string;
  /** From 0. */
  readonly column: number;
  readonly length: number;
}

/** Finds the place that a Prometheus parse error names, `1:5: parse error: …` or `line:column`. */
export function errorPosition(message: string, expr: string): ErrorPosition | undefined {
  const match = /(?:^|[\s:"])(\d+):(\d+): parse error/.exec(message) ?? /at char (\d+)/.exec(message);
  if (!match) return undefined;
  const lines = expr.split('\n');
  const [lineNumber, column] = match[2] === undefined ? [1, Number(match[1])] : [Number(match[1]), Number(match[2])];
  const line = lines[lineNumber - 1];
  if (line === undefined) return undefined;
  const start = Math.max(0, Math.min(column - 1, line.length));
  const word = /^[\w:]+/.exec(line.slice(start));
  return { line, column: start, length: Math.max(1, word?.[0].length ?? 1) };
}
