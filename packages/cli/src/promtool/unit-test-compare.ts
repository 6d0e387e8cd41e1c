import { compareStrings, type Labels } from '@avalanche/model';

type StringMap = Readonly<Record<string, string>>;
type Pairs = readonly (readonly [string, string])[];

/** An alert that fires, or that should. */
export class FiringAlert {
  readonly labels: Pairs;
  readonly annotations: Pairs;

  constructor(labels: StringMap, annotations: StringMap) {
    this.labels = sortedPairs(labels);
    this.annotations = sortedPairs(annotations);
  }

  compare(other: FiringAlert): number {
    return comparePairs(this.labels, other.labels) || comparePairs(this.annotations, other.annotations);
  }
}

export type ExpectedAlert = FiringAlert;

function sortedPairs(map: StringMap): Pairs {
  return Object.entries(map).sort(([a], [b]) => compareStrings(a, b));
}

function comparePairs(a: Pairs, b: Pairs): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareStrings(a[i][0], b[i][0]) || compareStrings(a[i][1], b[i][1]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Whether the same alerts fire as should, in whatever order; sorts both. */
export function sameAlerts(wanted: FiringAlert[], got: FiringAlert[]): boolean {
  for (const list of [wanted, got]) list.sort((a, b) => a.compare(b));
  return wanted.length === got.length && wanted.every((alert, i) => alert.compare(got[i]) === 0);
}

/** A sample of a query's result, or one that it should have. */
export interface SampleToCompare {
  readonly labels: Labels;
  readonly value: number;
  /** Its canonical text; '' for a float. */
  readonly histogram: string;
}

/** Whether a result has the samples that it should, in whatever order; sorts both. NaN equals nothing, as upstream. */
export function sameSamples(wanted: SampleToCompare[], got: SampleToCompare[], fuzzy: boolean): boolean {
  for (const list of [wanted, got]) list.sort((a, b) => a.labels.compare(b.labels));
  return (
    wanted.length === got.length &&
    wanted.every(({ labels, value, histogram }, i) => {
      const other = got[i];
      if (!labels.equals(other.labels) || histogram !== other.histogram) return false;
      return histogram !== '' || value === other.value || (fuzzy && areNeighbours(value, other.value));
    })
  );
}

const bits = new BigInt64Array(1);
const float = new Float64Array(bits.buffer);

/** Whether no float lies between the two. */
function areNeighbours(a: number, b: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return false;
  const distance = ordinal(a) - ordinal(b);
  return distance >= -1n && distance <= 1n;
}

/** Floats in order as whole numbers. */
function ordinal(value: number): bigint {
  float[0] = value;
  return bits[0] < 0n ? -(bits[0] & 0x7fffffffffffffffn) : bits[0];
}
