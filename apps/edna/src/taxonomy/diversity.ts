export interface DiversityIndices {
  /** How many taxa there are. */
  readonly richness: number;
  /** Shannon's entropy in nats. */
  readonly shannon: number;
  /** Gini-Simpson: the chance that two reads are of different taxa. */
  readonly simpson: number;
  /** Bias-corrected estimate of the richness, unseen taxa included (Chao 1984; Chao 2005). */
  readonly chao1: number;
}

/** Alpha diversity of the reads per taxon. Zero counts are no taxa. */
export function diversityOf(counts: readonly number[]): DiversityIndices {
  const seen = counts.filter((count) => count > 0);
  const total = seen.reduce((sum, count) => sum + count, 0);
  const shares = seen.map((count) => count / total);
  const singletons = seen.filter((count) => count === 1).length;
  const doubletons = seen.filter((count) => count === 2).length;
  return {
    richness: seen.length,
    shannon: shares.reduce((sum, share) => sum - share * Math.log(share), 0),
    simpson: total === 0 ? 0 : 1 - shares.reduce((sum, share) => sum + share * share, 0),
    chao1: seen.length + (singletons * (singletons - 1)) / (2 * (doubletons + 1)),
  };
}
