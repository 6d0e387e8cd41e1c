import { compileAnywhere } from '@avalanche/model';
import { FlagError, type NodeContext, type NodeFlag } from './collector.ts';

/** So many verdicts are remembered; names come and go with containers. */
const VERDICTS_MAX = 10_000;

/** Which names (of devices, mounts, fields) are exported. */
export type Filter = (name: string) => boolean;

/**
 * Whether RE2 `pattern` matches anywhere in a name, as upstream's filters do; each name is matched once.
 * @throws FlagError naming `flag` where the pattern is none
 */
export function nameMatcher(pattern: string, flag: string): Filter {
  const verdicts = new Map<string, boolean>();
  const matches = compiled(pattern, flag);
  return (name) => {
    let known = verdicts.get(name);
    if (known === undefined) {
      known = matches(name);
      if (verdicts.size >= VERDICTS_MAX) verdicts.clear();
      verdicts.set(name, known);
    }
    return known;
  };
}

function compiled(pattern: string, flag: string): Filter {
  try {
    return compileAnywhere(pattern);
  } catch (error) {
    throw new FlagError(`--collector.${flag}: ${(error as Error).message}`);
  }
}

/** Passes what `exclude` does not match and `include` does; an empty pattern says nothing. */
export function nameFilter(context: NodeContext, excludeFlag: string, includeFlag: string): Filter {
  const [exclude, include] = [context.flag(excludeFlag), context.flag(includeFlag)];
  const excluded = exclude === '' ? null : nameMatcher(exclude, excludeFlag);
  const included = include === '' ? null : nameMatcher(include, includeFlag);
  return (name) => !excluded?.(name) && (included === null || included(name));
}

/** Both flags of a filter. */
export function filterFlags(
  prefix: string,
  what: string,
  options: { readonly exclude?: string; readonly oldExclude?: string; readonly oldInclude?: string } = {},
): Record<string, NodeFlag> {
  const flag = (verb: string, fallback = '', oldName?: string): NodeFlag => ({
    kind: 'string',
    help: `Regular expression of the ${what} to ${verb}.`,
    default: fallback,
    ...(oldName ? { oldName } : {}),
  });
  return {
    [`${prefix}-exclude`]: flag('leave out', options.exclude, options.oldExclude),
    [`${prefix}-include`]: flag('take', '', options.oldInclude),
  };
}

/**
 * A filter whose exclusion has a default: with only `-include` given, the default does not count. Both given are refused.
 * @throws FlagError with `conflict` as upstream words it
 */
export function exclusiveFilter(context: NodeContext, prefix: string, conflict: string): Filter {
  const [excludeFlag, includeFlag] = [`${prefix}-exclude`, `${prefix}-include`];
  if (context.flag(includeFlag) === '') return nameFilter(context, excludeFlag, includeFlag);
  if (context.isGiven(excludeFlag) && context.flag(excludeFlag) !== '') throw new FlagError(conflict);
  return nameMatcher(context.flag(includeFlag), includeFlag);
}
