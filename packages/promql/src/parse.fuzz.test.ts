import { Labels } from '@avalanche/model';
import { expect, test } from 'vitest';
import type { Expr } from './ast.ts';
import { astJson } from './ast-json.ts';
import { WHOLE_LANGUAGE } from './dialect.ts';
import { Engine } from './engine.ts';
import { ParseError, PromQLError } from './error.ts';
import { functionSignatures } from './functions/table.ts';
import { MemoryQueryable } from './memory-queryable.ts';
import { parse } from './parse.ts';
import { format, print } from './printer.ts';

const SEED = Number(process.env.FUZZ_SEED ?? 7);
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 3_000);

const TOKENS =
  'a b_total {x="y"} {x=~".+"} [5m] [5m:1m] [1m:] [ ] ( ) , + - * / % ^ atan2 == != > < >= bool and or unless on (x) ignoring () group_left group_right (y) sum avg topk quantile count_values by without rate increase abs scalar vector time() absent label_replace histogram_quantile offset 5m @ 10 start() end() 1 0 -1 2. Inf NaN 0x1f 1e3 "s" \'q\' `r` max_of min_of step() range() fill(0) fill_left(-1) anchored smoothed # \n $ é 💧 : = !~ } ] bool'.split(
    ' ',
  );

function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Random = (below: number) => number;

/** Well-formed texts over every kind of node; most are well-typed too, but for what precedence brings together. */
class Grammar {
  constructor(private readonly random: Random) {}

  private one<T>(...choices: readonly T[]): T {
    return choices[this.random(choices.length)];
  }

  private many(most: number, make: () => string, separator = ', '): string {
    return Array.from({ length: this.random(most + 1) }, make).join(separator);
  }

  vector(depth: number): string {
    const deeper = (): string => this.vector(depth - 1);
    if (depth <= 0) return this.selector() + this.one('', '', ' anchored', ' smoothed') + this.shift();
    switch (this.random(7)) {
      case 0:
        return this.aggregate(depth);
      case 1:
      case 2:
        return this.call(depth, 'vector') ?? deeper();
      case 3:
        return `${deeper()} ${this.operator()} ${deeper()}`;
      case 4:
        return `${this.one('-', '+', '- ')}${deeper()}`;
      case 5:
        return `${deeper()} ${this.one('+', '^', '> bool', '<=')} ${this.scalar(depth - 1)}`;
      default:
        return `( ${deeper()} )`;
    }
  }

  private scalar(depth: number): string {
    if (depth <= 0) return this.one('1', '-2.5', '0x1F', '1e9', '(Inf)', 'nan', '5m', '010', '1_000', '.5', '-3h');
    switch (this.random(4)) {
      case 0:
        return `${this.scalar(depth - 1)} ${this.one('+', '-', '*', '/', '%', '^', '== bool', 'atan2')} ${this.scalar(depth - 1)}`;
      case 1:
        return `-${this.scalar(depth - 1)}`;
      case 2:
        return this.call(depth, 'scalar') ?? 'time()';
      default:
        return `(${this.scalar(depth - 1)})`;
    }
  }

  private matrix(depth: number): string {
    if (depth <= 0 || this.random(2) === 0) {
      return `${this.selector()}[${this.range()}]${this.one('', '', ' anchored', ' smoothed')}${this.shift()}`;
    }
    const step = this.random(2) ? this.range() : '';
    return `(${this.vector(depth - 1)})[${this.range()}:${step}]${this.shift()}`;
  }

  private text(): string {
    return this.one('"a b"', "'it\\'s'", '`raw\\n`', '"\\xff\\u00e9\\n\\t\\""', '"💧 é"', '""');
  }

  private label(): string {
    return this.one('job', 'le', 'on', 'sum', 'offset', '"a.b"', '"é"', 'start');
  }

  private selector(): string {
    const matcher = (): string =>
      `${this.one('a', '__name__', 'by', '"a.b"')}${this.one('=', '!=', '=~', '!~')}${this.one('"x"', "'.*y'", '`z|w`')}`;
    if (this.random(4) === 0) return `{"my metric"${this.random(2) ? `, ${matcher()}` : ''}}`;
    const name = this.one('up', 'a:b', 'sum', 'offset', 'fill', 'start', 'x_total');
    const inside = this.many(3, matcher, ',').replaceAll('__name__', 'name');
    return this.random(2) ? name : `${name}{${inside}}`;
  }

  private shift(): string {
    const at = this.one('', '', ' @ 1.5', ' @ -7', ' @ start()', ' @ end()');
    const offset = this.one('', '', ' offset 5m', ' offset -90', ` offset -(${this.duration(2)})`, ' offset -step()');
    return this.random(2) ? at + offset : offset + at;
  }

  private range(): string {
    return this.random(3) ? this.one('5m', '1h30m', '90', '1y2w3d4h5m6s7ms') : this.duration(2);
  }

  private duration(depth: number): string {
    if (depth <= 0) return this.one('5m', '3', 'step()', 'range()', '1.5', '-2h');
    const deeper = (): string => this.duration(depth - 1);
    switch (this.random(4)) {
      case 0:
        return `${deeper()} ${this.one('+', '-', '*', '^')} ${deeper()}`;
      case 1:
        return `-(${deeper()})`;
      case 2:
        return `${this.one('min_of', 'max_of')}(${deeper()}, ${deeper()})`;
      default:
        return `(${deeper()} + 1)`;
    }
  }

  private operator(): string {
    const labels = (): string => `(${this.many(2, () => this.label())})`;
    const set = this.one('and', 'or', 'unless');
    if (this.random(3) === 0) return `${set}${this.one('', ` on ${labels()}`, ` ignoring ${labels()}`)}`;
    const op = this.one('+', '-', '*', '/', '%', '^', 'atan2', '==', '!= bool', '> bool', '</', '>/');
    const group = this.one('', ' group_left ()', ' group_right ("new", "é")');
    const matching = this.one('', ` on ${labels()}`, ` on (job)${group}`, ` ignoring ${labels()}${group}`);
    return op + matching + this.one('', '', ' fill (-1)', ' fill_left (0)', ' fill_right(NaN) fill_left(+Inf)');
  }

  private aggregate(depth: number): string {
    const op = this.one('sum', 'avg', 'group', 'topk', 'limit_ratio', 'count_values', 'quantile', 'STDDEV');
    const clause = this.one(
      '',
      ` by (${this.many(3, () => this.label())})`,
      ` without (${this.many(2, () => this.label())}) `,
    );
    const param = op === 'count_values' ? '"v", ' : /topk|limit|quantile/.test(op) ? `${this.scalar(1)}, ` : '';
    const body = `(${param}${this.vector(depth - 1)})`;
    return this.random(2) ? op + clause + body : op + body + clause;
  }

  private call(depth: number, returns: 'vector' | 'scalar'): string | null {
    const functions = functionSignatures.filter((func) => func.returns === returns && func.name !== 'info');
    const { name, args } = functions[this.random(functions.length)];
    const inner = args.map((type) => {
      if (type === 'string') return this.text();
      return this[type](depth - 1);
    });
    return `${name}(${inner.join(', ')})`;
  }
}

test(`random tokens parse or fail as ParseError, and what parses prints and parses again (seed ${SEED})`, () => {
  const random = generator(SEED);
  for (let i = 0; i < ROUNDS; i++) {
    const text = Array.from({ length: 1 + random(12) }, () => TOKENS[random(TOKENS.length)]).join(' ');
    try {
      const printed = print(parse(text, WHOLE_LANGUAGE));
      expect(print(parse(printed, WHOLE_LANGUAGE)), text).toBe(printed);
    } catch (error) {
      if (!(error instanceof ParseError)) throw new Error(`${JSON.stringify(text)}`, { cause: error });
    }
  }
});

function parseOrNull(text: string): Expr | null {
  try {
    return parse(text, WHOLE_LANGUAGE);
  } catch (error) {
    if (error instanceof ParseError) return null;
    throw error;
  }
}

/** A tree without the order of its matchers, which printing sorts. */
function shape(tree: Expr): string {
  return JSON.stringify(astJson(tree), (key, value) =>
    key === 'matchers' ? value.map((matcher: unknown) => JSON.stringify(matcher)).sort() : value,
  );
}

test(`every kind of tree prints, on one line or many, as a text of the same tree (seed ${SEED})`, () => {
  const random = generator(SEED);
  const grammar = new Grammar(random);
  let trees = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const text = grammar.vector(random(5));
    const tree = parseOrNull(text);
    if (tree === null) continue;
    trees++;
    expect(shape(parse(print(tree), WHOLE_LANGUAGE)), text).toBe(shape(tree));
    expect(shape(parse(format(tree), WHOLE_LANGUAGE)), text).toBe(shape(tree));
  }
  expect(trees).toBeGreaterThan(ROUNDS / 2);
});

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
