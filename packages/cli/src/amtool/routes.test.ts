import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomNumbers } from '../../../../tests/support/random-numbers.ts';
import { amtoolIsMissing, ours, Place, theirs } from './amtool-fixture.ts';

const TREES = 12;
const SETS_PER_TREE = 20;
const NAMES = ['alertname', 'severity', 'team', 'a', 'b_c'];
const VALUES = ['', 'x', 'y', 'critical', 'xy', 'two words', 'dash-ed', '(', 'ä'];

let place: Place;

beforeAll(() => {
  place = new Place();
});

afterAll(() => place.end());

class Dice {
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = randomNumbers(seed);
  }

  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  one<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)];
  }

  chance(of: number): boolean {
    return this.random() < of;
  }
}

const RECEIVERS = ['r0', 'r1', 'r2', 'r3'];
const REGEXES = ['x|y', 'x.*', '.+', '', '(?i)CRIT.*', 'two words|[a-c-]+', '[^x]*'];

/** A route with matchers of the old and the new kind, deep down too. */
function randomRoute(dice: Dice, depth: number): object {
  const values = VALUES.filter((value) => value !== '(');
  const pairs = (texts: readonly string[]) => Object.fromEntries([[dice.one(NAMES), dice.one(texts)]]);
  const matcher = () => {
    const type = dice.one(['=', '!=', '=~', '!~']);
    return `${dice.one(NAMES)}${type}"${type.endsWith('~') ? dice.one(REGEXES) : dice.one(values)}"`;
  };
  const groupBy = dice.one([['...'], ['alertname'], [], ['a', 'team']]);
  return {
    ...(dice.chance(0.7) ? { receiver: dice.one(RECEIVERS) } : {}),
    ...(dice.chance(0.4) ? { group_by: groupBy } : {}),
    ...(dice.chance(0.3) ? { match: pairs(values) } : {}),
    ...(dice.chance(0.3) ? { match_re: pairs(REGEXES) } : {}),
    ...(dice.chance(0.6) ? { matchers: Array.from({ length: 1 + dice.below(2) }, matcher) } : {}),
    ...(dice.chance(0.4) ? { continue: true } : {}),
    ...(depth < 5 ? { routes: children(dice, depth) } : {}),
  };
}

function children(dice: Dice, depth: number): object[] {
  return Array.from({ length: dice.below(4) }, () => randomRoute(dice, depth + 1));
}

function randomTree(seed: number): string {
  const dice = new Dice(seed);
  const routes = [randomRoute(dice, 1), ...children(dice, 0), randomRoute(dice, 1)];
  const route = { receiver: 'r0', group_by: ['alertname'], routes };
  return JSON.stringify({ route, receivers: RECEIVERS.map((name) => ({ name })) });
}

function randomLabels(dice: Dice): string[] {
  return NAMES.filter(() => dice.chance(0.6)).map((name) => `${name}="${dice.one(VALUES)}"`);
}

describe.skipIf(amtoolIsMissing)('routes as the real amtool finds them (skipped where amtool is missing)', () => {
  test.each(Array.from({ length: TREES }, (_, seed) => seed))('of tree %i', { timeout: 30_000 }, async (seed) => {
    const config = `--config.file=${place.file(`tree-${seed}.yml`, randomTree(seed))}`;
    const agree = async (...args: string[]) => {
      const [mine, real] = [await ours([...args, config]), await theirs([...args, config])];
      expect({ args, code: mine.code, out: mine.out }).toEqual({
        args,
        code: real.code,
        out: real.out.replace(/\u00a0/g, ' '),
      });
      return mine.out;
    };
    await agree('config', 'routes', 'show');
    const dice = new Dice(1000 + seed);
    const answers = new Set<string>();
    for (let i = 0; i < SETS_PER_TREE; i++) {
      const more = dice.one([[], ['--tree'], ['--verify.receivers=r1'], ['--verify.receivers=r0,r1', '--tree']]);
      answers.add(await agree('config', 'routes', 'test', ...more, ...randomLabels(dice)));
    }
    expect(answers.size).toBeGreaterThan(3);
  });
});
