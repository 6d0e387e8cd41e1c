import type { Annotations } from '../annotations.ts';
import type { Span } from '../ast.ts';
import type { Remarks } from './increase.ts';

/** What is said of one series is said at `at`. */
export function remarksOn(metricName: string, at: Span, annotations: Annotations): Remarks {
  return {
    metricName,
    note: (kind, text) => annotations[kind](text, at),
    overlap: () => annotations.startTimeOverlap(metricName, at),
  };
}
