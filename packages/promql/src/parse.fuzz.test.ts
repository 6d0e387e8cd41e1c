import { Labels } from '@avalanche/model';
import { expect, test } from 'vitest';
import { Engine } from './engine.ts';
import { ParseError, PromQLError } from './error.ts';
import { MemoryQueryable } from './memory-queryable.ts';
import { parse } from './parse.ts';
import { format } from './printer.ts';

const SEED = Number(process.env.FUZZ_SEED ?? 7);
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 3_000);

const TOKENS =
  'a b_total {x="y"} {x=~".+"} [5m] [5m:1m] [1m:] ( ) , + - * / % ^ atan2 == != > < >= bool and or unless on (x) ignoring () group_left group_right (y) sum avg topk quantile count_values by without rate increase abs scalar vector time() absent label_replace histogram_quantile offset 5m @ 10 start() end() 1 0 -1 2. Inf NaN 0x1f 1e3 "s" \'q\' `r` max_of min_of step() fill(0) # \n $ é 💧 : = !~ } ] bool'.split(
    ' ',
  );

function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A well-formed expression of a type, most of the time also well-typed. */
function expression(random: (below: number) => number, depth: number): string {
  const sub = (): string => expression(random, depth - 1);
  if (depth <= 0) return ['a', 'b_total{x="1"}', 'a offset 1m', 'vector(2)', 'a @ 60'][random(5)];
  switch (random(9)) {
    case 0:
      return `sum by (x) (${sub()})`;
    case 1:
      return `rate(b_total[${1 + random(5)}m])`;
    case 2:
      return `(${sub()}) ${['+', '/', '==', '> bool', 'and', 'or', 'unless', '^', 'atan2'][random(9)]} on (x) (${sub()})`;
    case 3:
      return `${['topk', 'bottomk', 'quantile', 'limitk'][random(4)]}(${random(3)}, ${sub()})`;
    case 4:
      return `max_over_time((${sub()})[5m:1m])`;
    case 5:
      return `-${['abs', 'ln', 'ceil', 'sort', 'absent', 'timestamp'][random(6)]}(${sub()})`;
    case 6:
      return `label_replace(${sub()}, "x", "$1", "y", "(.*)")`;
    case 7:
      return `(${sub()}) * ${['2', 'scalar(a)', 'time()'][random(3)]}`;
    default:
      return `count_values("v", ${sub()})`;
  }
}

test(`random tokens parse or fail as ParseError, and what parses prints and parses again (seed ${SEED})`, () => {
  const random = generator(SEED);
  for (let i = 0; i < ROUNDS; i++) {
    const text = Array.from({ length: 1 + random(12) }, () => TOKENS[random(TOKENS.length)]).join(' ');
    try {
      const printed = format(parse(text, { experimental: true }));
      expect(format(parse(printed, { experimental: true })), text).toBe(printed);
    } catch (error) {
      if (!(error instanceof ParseError)) throw new Error(`${JSON.stringify(text)}`, { cause: error });
    }
  }
});

test(`random queries give a result or a PromQLError, and a range query's step is the instant query (seed ${SEED})`, async () => {
  const random = generator(SEED);
  const memory = new MemoryQueryable();
  for (const name of ['a', 'b_total']) {
    for (let x = 0; x < 3; x++) {
      const labels = Labels.from({ __name__: name, x: String(x), y: String(x % 2) });
      for (let i = 0; i < 40; i++)
        if (random(5) > 0) memory.append(labels, i * 15_000, random(12) === 0 ? null : random(50));
    }
  }
  const engine = new Engine({ experimental: true });
  const outcome = async (run: () => Promise<string>): Promise<string> => {
    try {
      return await run();
    } catch (error) {
      if (error instanceof PromQLError) return error.errorType;
      throw error;
    }
  };
  for (let i = 0; i < ROUNDS / 10; i++) {
    const text = expression(random, 1 + random(3));
    const show = (points: [string, number][]): string => JSON.stringify(points.sort((a, b) => (a[0] < b[0] ? -1 : 1)));
    const instant = await outcome(async () => {
      const result = await engine.instant(memory, text, 300_000);
      return result.type === 'vector'
        ? show(result.samples.map(({ labels, value }) => [labels.key, value]))
        : result.type;
    });
    const ranged = await outcome(async () => {
      const { series } = await engine.range(memory, text, { startMs: 240_000, endMs: 360_000, stepMs: 60_000 });
      return show(
        series.flatMap(({ labels, t, v, length }): [string, number][] => {
          const at = t.subarray(0, length).indexOf(300_000);
          return at < 0 ? [] : [[labels.key, v[at]]];
        }),
      );
    });
    if (ranged !== 'execution') expect(ranged, text).toBe(instant);
  }
});
