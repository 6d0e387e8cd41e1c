/** How a name that the text format cannot have is written: upstream's escaping schemes. */
export const ESCAPINGS = ['allow-utf-8', 'underscores', 'dots', 'values'] as const;
export type Escaping = (typeof ESCAPINGS)[number];

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** The name of the family, and `name{label="value",…}`. */
export function metricText(
  name: string,
  labels: readonly (readonly [string, string])[],
  escaping: Escaping,
): { readonly familyName: string; readonly line: string } {
  const metric = escapeName(name, METRIC, escaping);
  const pairs = labels.map(([label, value]) => {
    const escaped = escapeName(label, LABEL, escaping);
    return `${LABEL.test(escaped) ? escaped : quoted(escaped)}=${quoted(value)}`;
  });
  if (METRIC.test(metric)) {
    return { familyName: metric, line: pairs.length === 0 ? metric : `${metric}{${pairs.join(',')}}` };
  }
  return { familyName: quoted(metric), line: `{${[quoted(metric), ...pairs].join(',')}}` };
}

function escapeName(name: string, valid: RegExp, escaping: Escaping): string {
  if (escaping === 'allow-utf-8') return name;
  if (valid.test(name) && escaping !== 'dots') return name;
  const isValidAt = (character: string, at: number) => valid.test(at === 0 ? character : `_${character}`);
  const characters = [...name];
  if (escaping === 'underscores') {
    return characters.map((character, at) => (isValidAt(character, at) ? character : '_')).join('');
  }
  if (escaping === 'dots') {
    return characters
      .map((character, at) => {
        if (character === '_') return '__';
        if (character === '.') return '_dot_';
        return isValidAt(character, at) ? character : '__';
      })
      .join('');
  }
  const hex = (character: string) => `_${(character.codePointAt(0) ?? 0).toString(16)}_`;
  const escaped = characters.map((character, at) => {
    if (character === '_') return '__';
    return isValidAt(character, at) ? character : hex(character);
  });
  return `U__${escaped.join('')}`;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`;
}
