import { type Labels, parseDuration } from '@avalanche/model';
import { parseMetric, parseSeriesText, type SeriesText } from '../series-text.ts';

/** One series of a `load` or of an expected result. */
export interface SeriesLine extends SeriesText {
  /** Counted from 1. */
  readonly line: number;
  /** Offsets of the start timestamps from the samples in milliseconds, for each value; null where there are none. */
  readonly starts: StartLine['offsets'] | null;
}

/** The start timestamps of the series on the next line: offsets from its samples in milliseconds, or undefined. */
interface StartLine {
  readonly labels: Labels;
  readonly offsets: readonly (number | undefined)[];
}

/** @throws Error or ParseError where the line is no series, or not the one that `start` is about */
export function seriesLine(line: number, text: string, start: StartLine | null): SeriesLine {
  const series = parseSeriesText(text);
  if (!start) return { line, ...series, starts: null };
  if (!start.labels.equals(series.labels)) {
    throw new Error('@st metric does not match the following sample line metric');
  }
  const [starts, samples] = [start.offsets.length, series.values.length];
  if (starts !== samples) throw new Error(`@st line has ${starts} values but sample line has ${samples}`);
  return { line, ...series, starts: start.offsets };
}

/** `<series>@st <items>`, with no blank before `@st`; null for any other line. @throws Error where its items are wrong */
export function parseStartLine(text: string): StartLine | null {
  const match = /^(\S*)@st\s+(.+)$/.exec(text);
  if (!match) return null;
  const offsets: (number | undefined)[] = [];
  for (const item of match[2].split(/\s+/)) parseStartItem(item, offsets);
  return { labels: parseMetric(match[1]), offsets };
}

/** What one `xN` may ask for. */
const ITEMS_MAX = 1_000_000;
const START_ITEM = /^([+-]?\d+[a-wyz]*)(?:([+-])([+-]?\d+[a-wyz]*)(?=x))?(?:x(\d+))?$/i;

function parseStartItem(item: string, into: (number | undefined)[]): void {
  const gap = /^_(?:x(\d+))?$/.exec(item);
  if (gap) {
    const count = Number(gap[1] ?? 1);
    if (count === 0 || count > ITEMS_MAX) throw invalidItem(item);
    for (let i = 0; i < count; i++) into.push(undefined);
    return;
  }
  const match = START_ITEM.exec(item);
  if (!match || Number(match[4] ?? 0) > ITEMS_MAX) throw invalidItem(item);
  const delta = match[3] === undefined ? 0 : signedDuration(match[3]) * (match[2] === '-' ? -1 : 1);
  const first = signedDuration(match[1]);
  for (let i = 0; i <= Number(match[4] ?? 0); i++) into.push(first + i * delta);
}

function invalidItem(item: string): Error {
  return new Error(`invalid @st sequence: invalid ST item ${JSON.stringify(item)}`);
}

function signedDuration(text: string): number {
  const size = parseDuration(text.replace(/^[+-]/, ''));
  return text.startsWith('-') ? -size : size;
}
