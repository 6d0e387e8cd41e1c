import { METRIC_NAME } from '@avalanche/model';
import type { RuleGroupConfig } from '@avalanche/prometheus';
import { parse, selectorsOf, type VectorSelector, WHOLE_LANGUAGE } from '@avalanche/promql';
import { PrometheusClient } from '../tools/prometheus-client.ts';

/** How far back a series may have its last sample. */
const LOOK_BACK_MS = 60 * 60_000;
/** Selectors asked for at once. */
const AT_ONCE = 8;

interface Use {
  readonly selector: string;
  readonly rules: string[];
}

/**
 * Selectors of rules that match no series of a running server within the last hour, with the rules that use them. What
 * these rules record themselves, and alerts, are passed over: they may be there only once the rules are.
 * @throws Error where the server cannot be asked
 */
export async function findSilentSelectors(
  url: string,
  groups: readonly RuleGroupConfig[],
  now: number,
): Promise<string[]> {
  const client = new PrometheusClient(url);
  const uses = [...usesOf(groups).values()];
  const silent: string[] = [];
  for (let i = 0; i < uses.length; i += AT_ONCE) {
    const some = uses.slice(i, i + AT_ONCE);
    const found = await Promise.all(some.map(({ selector }) => client.series([selector], now - LOOK_BACK_MS, now)));
    some.forEach(({ selector, rules }, j) => {
      if (found[j].length === 0) silent.push(`${selector} (${rules.join('; ')})`);
    });
  }
  return silent;
}

function usesOf(groups: readonly RuleGroupConfig[]): Map<string, Use> {
  const own = new Set(groups.flatMap((group) => group.rules.map(({ record }) => record ?? '')));
  const uses = new Map<string, Use>();
  for (const group of groups) {
    for (const [i, rule] of group.rules.entries()) {
      const name = `group ${JSON.stringify(group.name)}, rule ${i + 1}, ${JSON.stringify(rule.alert ?? rule.record)}`;
      for (const selector of selectorsOf(parse(rule.expr, WHOLE_LANGUAGE))) {
        if (own.has(selector.name) || selector.name.startsWith('ALERTS')) continue;
        const text = textOf(selector);
        const use = uses.get(text) ?? { selector: text, rules: [] };
        if (!use.rules.includes(name)) use.rules.push(name);
        uses.set(text, use);
      }
    }
  }
  return uses;
}

/** The selector alone, without offset or @. */
function textOf({ name, matchers }: VectorSelector): string {
  const inside = matchers
    .filter((matcher) => name === '' || matcher.name !== METRIC_NAME)
    .map((matcher) => `${labelText(matcher.name)}${matcher.type}${JSON.stringify(matcher.value)}`);
  return inside.length === 0 && name !== '' ? name : `${name}{${inside.join(',')}}`;
}

function labelText(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : JSON.stringify(name);
}
