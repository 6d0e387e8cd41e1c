import { Labels } from '@avalanche/model';
import { parseNumber } from './decimal.ts';
import { decodeText } from './series-text.ts';

/** What an OpenMetrics sample points at, most often a trace. */
export interface Exemplar {
  readonly labels: Labels;
  readonly value: number;
  /** Milliseconds since the epoch; undefined where the exemplar has none. */
  readonly timestamp: number | undefined;
}

const LABEL = /(?:([a-zA-Z_][a-zA-Z0-9_]*)|"([^\\"]*(?:\\.[^\\"]*)*)")="([^\\"]*(?:\\.[^\\"]*)*)",?/g;

/** Reads `{label="value"} value time` of a line that has been checked. Escapes stay as they are, as upstream leaves them. */
export function readExemplar(bytes: Uint8Array, start: number, end: number): Exemplar {
  const text = decodeText(bytes, start, end);
  const labels = new Map<string, string>();
  let at = 1;
  LABEL.lastIndex = at;
  for (let match = LABEL.exec(text); match?.index === at; match = LABEL.exec(text)) {
    labels.set(match[1] ?? match[2], match[3]);
    at = LABEL.lastIndex;
  }
  const [value, seconds] = text.slice(at + 2).split(' ');
  return {
    labels: Labels.fromMap(labels),
    value: parseNumber(value) ?? Number.NaN,
    timestamp: seconds === undefined ? undefined : Math.trunc(Number(seconds) * 1000) + 0,
  };
}
