/** Which parts of the language that are off by default are allowed. Duration expressions always are, as in 3.14. */
export interface Dialect {
  /** `promql-experimental-functions`: experimental functions, `limitk` and `limit_ratio`. */
  readonly experimental?: boolean;
  /** `promql-extended-range-selectors`: `anchored` and `smoothed`. */
  readonly extendedRangeSelectors?: boolean;
  /** `promql-binop-fill-modifiers`: `fill`, `fill_left` and `fill_right`. */
  readonly fillModifiers?: boolean;
}

/** Everything there is, as test scripts have it. */
export const WHOLE_LANGUAGE: Dialect = { experimental: true, extendedRangeSelectors: true, fillModifiers: true };
