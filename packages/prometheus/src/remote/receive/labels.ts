import { compareStrings, Labels, METRIC_NAME, quote } from '@avalanche/model';

/** Labels as a request has them: names may come twice, and values may be empty. Sorted by name. */
export class GivenLabels {
  private constructor(private readonly entries: readonly (readonly [string, string])[]) {}

  /** @param pairs names and values in turn, in any order */
  static of(pairs: readonly string[]): GivenLabels {
    const entries: [string, string][] = [];
    let isSorted = true;
    for (let i = 0; i < pairs.length; i += 2) {
      entries.push([pairs[i], pairs[i + 1]]);
      if (i > 0 && compareStrings(pairs[i - 2], pairs[i]) > 0) isSorted = false;
    }
    return new GivenLabels(isSorted ? entries : entries.sort((a, b) => compareStrings(a[0], b[0])));
  }

  /** Whether there is a metric name and no name is empty. */
  get isValid(): boolean {
    let hasMetricName = false;
    for (const [name, value] of this.entries) {
      if (name === '' || (name === METRIC_NAME && value === '')) return false;
      hasMetricName ||= name === METRIC_NAME;
    }
    return hasMetricName;
  }

  /** The first name that is there twice. */
  get duplicateName(): string | undefined {
    return this.entries.find(([name], i) => i > 0 && this.entries[i - 1][0] === name)?.[0];
  }

  /** Without empty values, as storage has them. Only of labels without duplicates. */
  toLabels(): Labels {
    const pairs: string[] = [];
    for (const [name, value] of this.entries) if (value !== '') pairs.push(name, value);
    return Labels.fromSortedPairs(pairs);
  }

  /** As Go's `Labels.String` prints them. */
  toString(): string {
    const shown = this.entries.map(([name, value]) => `${LEGACY_NAME.test(name) ? name : quote(name)}=${quote(value)}`);
    return `{${shown.join(', ')}}`;
  }
}

const LEGACY_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
