import type { Labels, Matcher } from '@avalanche/model';

/**
 * Which silences an alert may match at all, by the labels that they want: of 100,000 silences for one machine each, an
 * alert is matched against those of its own. Those that want no certain value are looked at for each alert.
 */
export class MatcherIndex {
  /** Numbers of silences, ascending, by a label that one of their matcher sets wants. */
  private readonly byLabel = new Map<string, number[]>();
  private readonly others: number[] = [];

  /** Adds a silence; its number is greater than those before. */
  add(silence: number, matcherSets: readonly (readonly Matcher[])[]): void {
    for (const set of matcherSets) {
      const wanted = this.rarestOf(set);
      if (!wanted) this.others.push(silence);
      for (const key of wanted ?? []) this.bucket(key).push(silence);
    }
  }

  /** Calls `look` for each silence from `first` on that may match; for one of several matcher sets perhaps twice. */
  candidates(labels: Labels, first: number, look: (silence: number) => void): void {
    lookFrom(this.others, first, look);
    const { pairs } = labels;
    for (let i = 0; i < pairs.length; i += 2) {
      const bucket = this.byLabel.get(keyOf(pairs[i], pairs[i + 1]));
      if (bucket) lookFrom(bucket, first, look);
    }
  }

  /** The labels of the matcher whose values the fewest silences want; undefined where none wants certain values. */
  private rarestOf(set: readonly Matcher[]): readonly string[] | undefined {
    let rarest: readonly string[] | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const matcher of set) {
      const keys = wantedValues(matcher)?.map((value) => keyOf(matcher.name, value));
      if (!keys) continue;
      const silences = keys.reduce((sum, key) => sum + 1 + (this.byLabel.get(key)?.length ?? 0), 0);
      if (silences >= least) continue;
      least = silences;
      rarest = keys;
    }
    return rarest;
  }

  private bucket(key: string): number[] {
    let bucket = this.byLabel.get(key);
    if (!bucket) {
      bucket = [];
      this.byLabel.set(key, bucket);
    }
    return bucket;
  }
}

/** Of '' it cannot be said, as no label has it. */
function wantedValues({ type, value, set }: Matcher): readonly string[] | undefined {
  const values = type === '=' ? [value] : type === '=~' ? set : null;
  return values && !values.includes('') ? values : undefined;
}

function keyOf(name: string, value: string): string {
  return `${name}\udfff${value}`;
}

function lookFrom(silences: readonly number[], first: number, look: (silence: number) => void): void {
  for (let i = silences.length - 1; i >= 0 && silences[i] >= first; i--) look(silences[i]);
}
