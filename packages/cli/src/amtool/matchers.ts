import { type MatcherMode, parseMatcher, setMatcherMode } from '@avalanche/alertmanager';
import { type Matcher, quote } from '@avalanche/model';
import type { ToolInput } from '../tools/tool-command.ts';
import { Fatal } from './fatal.ts';

const OTHER_FEATURES: readonly string[] = [
  ...['alert-names-in-metrics', 'receiver-name-in-metrics', 'group-key-in-metrics', 'auto-gomemlimit'],
  'event-recorder',
];

/** Reads matchers from here on as `--enable-feature` says. @throws Fatal for a feature that there is not */
export function applyFeatures({ flags }: ToolInput): void {
  const names = flags.string('enable-feature').split(',').filter(Boolean);
  const [classic, strict] = ['classic-mode', 'utf8-strict-mode'].map((name) => names.includes(name));
  const unknown = names.find((name) => !['classic-mode', 'utf8-strict-mode', ...OTHER_FEATURES].includes(name));
  const problem = (text: string) => new Fatal(`error parsing the feature flag list: ${text}\n`);
  if (unknown !== undefined) throw problem(`unknown option '${unknown}' for --enable-feature`);
  if (classic && strict) throw problem('cannot have both classic and UTF-8 modes enabled');
  const mode: MatcherMode = classic ? 'classic' : strict ? 'utf8' : 'fallback';
  setMatcherMode(mode);
}

/** Words of a command line as matchers; a first one that is none is the name of an alert. */
export function matcherTexts(words: readonly string[]): readonly string[] {
  const [first, ...rest] = words;
  if (first === undefined) return [];
  try {
    parseMatcher(first);
    return words;
  } catch {
    return [`alertname=${quote(first)}`, ...rest];
  }
}

/** `name=value` words as a map. @param what they are, for the error @throws Error for other matchers */
export function pairsOf(texts: readonly string[], what: string): Record<string, string> {
  const matchers = texts.map((text): Matcher => {
    const matcher = parseMatcher(text);
    if (matcher.type !== '=') throw new Error(`${what} must be specified as key=value pairs`);
    return matcher;
  });
  return Object.fromEntries(matchers.map(({ name, value }) => [name, value]));
}
