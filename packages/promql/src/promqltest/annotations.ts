import type { InstantResult, RangeResult } from '../result.ts';
import type { Difference } from './compare.ts';
import type { Expectation } from './script.ts';

/** Says how the warnings and infos of a result differ from what is expected of them, or null. */
export function checkAnnotations(
  expectations: readonly Expectation[],
  { warnings, infos }: InstantResult | RangeResult,
): Difference | null {
  return checkKind(expectations, 'warn', warnings) ?? checkKind(expectations, 'info', infos);
}

function checkKind(
  expectations: readonly Expectation[],
  kind: 'warn' | 'info',
  got: readonly string[],
): Difference | null {
  if (expectations.some(({ type }) => type === `no_${kind}`) && got.length > 0) {
    return difference(`expected no ${kind} annotation`, 'none', got);
  }
  const lines = expectations.filter(({ type }) => type === kind);
  if (lines.length === 0) return null;
  if (got.length === 0) return { reason: `expected ${kind} annotations, got none`, rows: [] };
  const unmet = lines.find((line) => !got.some((text) => line.accepts(text)));
  if (unmet) return difference(`no such ${kind} annotation`, unmet.text ?? '', got);
  const extra = got.filter((text) => !lines.some((line) => line.accepts(text)));
  return extra.length > 0 ? difference(`unexpected ${kind} annotation`, 'none', extra) : null;
}

function difference(reason: string, expected: string, got: readonly string[]): Difference {
  return { reason, rows: got.map((text) => ({ series: 'annotation', at: '', expected, got: text })) };
}
