import type { ValueType } from '../ast.ts';

/** What the type check knows of a function. */
export interface FunctionSignature {
  readonly name: string;
  readonly args: readonly ValueType[];
  /**
   * 0: exactly `args`. n > 0: the last `n` of `args` may be left out. -1: the last of `args` may be repeated, or left out.
   */
  readonly variadic: number;
  readonly returns: ValueType;
  /** Only with `promql-experimental-functions`. */
  readonly experimental: boolean;
}
