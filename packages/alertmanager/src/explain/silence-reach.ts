import { type Labels, type Matcher, Slices } from '@avalanche/model';
import type { Alertmanager } from '../alertmanager.ts';
import { allRoutes, matchesAll, matchRoutes, type Route } from '../route/route.ts';
import type { MatcherSet } from '../silence/silence.ts';
import { compileMatchers } from '../silence/silence.ts';

/** What a silence with these matchers would keep quiet. */
export interface SilenceReach {
  /** Alerts that fire now, and how many of them match. */
  readonly now: { readonly matching: number; readonly of: number };
  readonly last24h: { readonly matching: number; readonly of: number };
  /** Receivers' routes that alerts of now or of the last 24 hours take, of all routes. */
  readonly routes: { readonly matching: number; readonly of: number };
  /** Receivers that would hear less. */
  readonly receivers: readonly string[];
  /** Whether it would keep quiet all there is, or whatever may come. */
  readonly mutesEverything: boolean;
}

/** Counts what a silence would touch, in turns of the event loop. @throws Error where a regular expression is not valid */
export async function silenceReach(alertmanager: Alertmanager, matchers: MatcherSet): Promise<SilenceReach> {
  const compiled = compileMatchers(matchers);
  const { route } = alertmanager.loaded;
  const firing = alertmanager.alerts.pending().map(({ labels }) => labels);
  const seen = alertmanager.seen.all();
  const slices = new Slices();
  const countMatching = async (all: readonly Labels[], look: (labels: Labels) => void = () => {}): Promise<number> => {
    let count = 0;
    for (const labels of all) {
      if (slices.isOver()) await slices.next();
      if (!matchesAll(compiled, labels)) continue;
      count++;
      look(labels);
    }
    return count;
  };
  const taken = new Set<Route>();
  const matchingNow = await countMatching(firing);
  const matchingSeen = await countMatching(seen, (labels) => {
    for (const way of matchRoutes(route, labels)) taken.add(way);
  });
  return {
    now: { matching: matchingNow, of: firing.length },
    last24h: { matching: matchingSeen, of: seen.length },
    routes: { matching: taken.size, of: allRoutes(route).length },
    receivers: [...new Set([...taken].map(({ receiver }) => receiver))].sort(),
    mutesEverything: compiled.every(matchesAnyName) || (seen.length > 1 && matchingSeen === seen.length),
  };
}

/** `alertname=~".+"`: true of every alert that anybody writes. */
function matchesAnyName(matcher: Matcher): boolean {
  const samples = ['a', 'Z9_some.value:/ ü', '0'];
  return samples.every((value) => matcher.matches(value)) && (matcher.matches('') || matcher.name === 'alertname');
}
