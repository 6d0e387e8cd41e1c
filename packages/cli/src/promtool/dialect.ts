import type { Dialect } from '@avalanche/promql';
import type { Flags } from '../flags.ts';

export interface QueryFeatures {
  readonly dialect: Dialect;
  readonly delayedNameRemoval: boolean;
}

/** What `--enable-feature` adds to the language. */
export function featuresOf(flags: Flags): QueryFeatures {
  const enabled = new Set(flags.list('enable-feature').flatMap((text) => text.split(',')));
  return {
    dialect: {
      experimental: enabled.has('promql-experimental-functions'),
      extendedRangeSelectors: enabled.has('promql-extended-range-selectors'),
      fillModifiers: enabled.has('promql-binop-fill-modifiers'),
    },
    delayedNameRemoval: enabled.has('promql-delayed-name-removal'),
  };
}
