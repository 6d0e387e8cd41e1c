/** Numbers from a seed: the same ones every time. */
export class Random {
  constructor(private state: number) {}

  /** 0 ≤ x < 1 */
  next(): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.state / 2 ** 32;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
}

/** What queries may be made of. */
export interface Vocabulary {
  /** Selectors of gauges, counters and buckets, without braces around them being needed. */
  readonly gauges: readonly string[];
  readonly counters: readonly string[];
  readonly buckets: readonly string[];
  /** Times that `@` may name, in seconds. */
  readonly times: readonly number[];
  /** Whether what Prometheus 2.42 does not know may be used. */
  readonly modern: boolean;
}

const RANGES = ['1m', '4m', '5m', '1m30s', '10m'];
const OFFSETS = ['', '', '', '', ' offset 2m', ' offset -1m'];
const LABELS = ['job', 'instance', 'le', 'code'];
const OVER_TIME = ['avg', 'sum', 'min', 'max', 'count', 'stddev', 'stdvar', 'last', 'present'];
const MODERN_OVER_TIME = ['first', 'mad', 'ts_of_min', 'ts_of_max', 'ts_of_first', 'ts_of_last'];
const COUNTER_FUNCTIONS = ['rate', 'increase', 'irate', 'resets', 'changes'];
const GAUGE_FUNCTIONS = ['delta', 'idelta', 'deriv', 'changes', 'resets'];
const NUMBER_FUNCTIONS = [
  ...['abs', 'ceil', 'floor', 'round', 'exp', 'ln', 'log2', 'log10', 'sqrt', 'sgn', 'deg', 'rad', 'sort', 'sort_desc'],
  ...['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'timestamp'],
  ...['year', 'month', 'day_of_month', 'day_of_week', 'day_of_year', 'days_in_month', 'hour', 'minute'],
];
const AGGREGATIONS = ['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar'];
const ARITHMETIC = ['+', '-', '*', '/', '%', '^', 'atan2'];
const COMPARISONS = ['==', '!=', '>', '<', '>=', '<='];

/** Makes well-typed queries; the deeper, the larger. */
export class QueryMaker {
  constructor(
    private readonly random: Random,
    private readonly words: Vocabulary,
  ) {}

  vector(depth: number): string {
    const { random } = this;
    if (depth <= 0) return this.selector();
    const make = random.of([
      () => this.selector(),
      () => this.overRange(depth),
      () => this.overRange(depth),
      () => this.aggregation(depth),
      () => this.aggregation(depth),
      () => this.binary(depth),
      () => this.binary(depth),
      () => this.setOperation(depth),
      () => `${random.of(NUMBER_FUNCTIONS)}(${this.vector(depth - 1)})`,
      () => this.labelFunction(depth),
      () => this.quantile(depth),
      () => `-${this.selector()}`,
      () => `vector(${this.scalar(depth - 1)})`,
      () => `absent(${this.vector(depth - 1)})`,
      () => `clamp(${this.vector(depth - 1)}, ${this.scalar(0)}, ${this.scalar(0)})`,
      () => `clamp_${random.of(['min', 'max'])}(${this.vector(depth - 1)}, ${this.scalar(depth - 1)})`,
    ]);
    return make();
  }

  scalar(depth: number): string {
    const { random } = this;
    if (depth <= 0) return random.of(['0', '1', '2', '0.5', '-3', '60', '1e3']);
    return random.of([
      () => `time() % ${1 + random.below(900)}`,
      () => `scalar(${this.vector(depth - 1)})`,
      () => `(${this.scalar(depth - 1)} ${random.of(ARITHMETIC)} ${this.scalar(depth - 1)})`,
      () => `(${this.scalar(depth - 1)} ${random.of(COMPARISONS)} bool ${this.scalar(depth - 1)})`,
      () => 'pi()',
      () => this.scalar(0),
    ])();
  }

  private selector(): string {
    const { random, words } = this;
    const name = random.of([...words.gauges, ...words.counters]);
    return `${name}${random.of(OFFSETS)}${this.at()}`;
  }

  private at(): string {
    const { random, words } = this;
    return random.of(['', '', '', '', '', ' @ start()', ' @ end()', ` @ ${random.of(words.times)}`]);
  }

  private matrix(depth: number, names: readonly string[]): string {
    const { random } = this;
    const modifiers = `${random.of(OFFSETS)}${this.at()}`;
    if (depth > 1 && random.below(4) === 0) {
      return `(${this.vector(depth - 1)})[${random.of(RANGES)}:${random.of(['17s', '1m1s', '29s'])}]${modifiers}`;
    }
    return `${random.of(names)}[${random.of(RANGES)}]${modifiers}`;
  }

  private overRange(depth: number): string {
    const { random, words } = this;
    const gauge = () => this.matrix(depth, words.gauges);
    return random.of([
      () => `${random.of(COUNTER_FUNCTIONS)}(${this.matrix(depth, words.counters)})`,
      () => `${random.of(COUNTER_FUNCTIONS)}(${this.matrix(depth, words.counters)})`,
      () => `${random.of(GAUGE_FUNCTIONS)}(${gauge()})`,
      () => `${random.of(OVER_TIME)}_over_time(${gauge()})`,
      () => `${random.of(OVER_TIME)}_over_time(${gauge()})`,
      () => `${random.of(words.modern ? MODERN_OVER_TIME : OVER_TIME)}_over_time(${gauge()})`,
      () => `quantile_over_time(${random.of(['0', '0.3', '0.5', '0.99', '1', '-1', '2'])}, ${gauge()})`,
      () => `predict_linear(${gauge()}, ${this.scalar(1)})`,
      () => `${words.modern ? 'double_exponential_smoothing' : 'holt_winters'}(${gauge()}, 0.3, 0.6)`,
      () => `absent_over_time(${gauge()})`,
    ])();
  }

  private grouping(): string {
    const { random } = this;
    const labels = LABELS.filter(() => random.below(3) === 0).join(', ');
    return random.of(['', ` by (${labels})`, ` without (${labels})`]);
  }

  private aggregation(depth: number): string {
    const { random, words } = this;
    const inner = this.vector(depth - 1);
    const grouping = this.grouping();
    return random.of([
      () => `${random.of(AGGREGATIONS)}${grouping} (${inner})`,
      () => `${random.of(AGGREGATIONS)}${grouping} (${inner})`,
      () => `${random.of(AGGREGATIONS)}${grouping} (${inner})`,
      () => `${random.of(['topk', 'bottomk'])}${grouping} (${1 + random.below(3)}, ${inner})`,
      () => `quantile${grouping} (${random.of(['0.1', '0.5', '0.9', '3'])}, ${inner})`,
      () => `count_values${grouping} ("value", round(${inner}))`,
      () => (words.modern ? `limitk${grouping} (${random.below(4)}, ${inner})` : `group${grouping} (${inner})`),
      () => (words.modern ? `limit_ratio${grouping} (${random.of(['0.5', '-0.5'])}, ${inner})` : `count(${inner})`),
    ])();
  }

  private binary(depth: number): string {
    const { random } = this;
    const op = random.below(3) > 0 ? random.of(ARITHMETIC) : `${random.of(COMPARISONS)}${random.of(['', ' bool'])}`;
    const left = this.vector(depth - 1);
    return random.of([
      () => `${left} ${op} ${this.scalar(depth - 1)}`,
      () => `${this.scalar(depth - 1)} ${op} ${left}`,
      () => `(${left}) ${op} (${this.vector(depth - 1)})`,
      () => `(${left}) ${op} ${random.of(['on', 'ignoring'])} (${random.of(LABELS)}) (${this.vector(depth - 1)})`,
      () => `(${left}) ${op} on (job) group_left sum by (job) (${this.vector(depth - 1)})`,
      () => `max by (job) (${this.vector(depth - 1)}) ${op} on (job) group_right (${left})`,
      () => `(${left}) ${op} on (job) group_left (${random.of(LABELS)}) (${this.vector(depth - 1)})`,
      () => `min by (job, instance) (${left}) ${op} ignoring (instance) group_left (code) (${this.vector(depth - 1)})`,
      () => `(${left}) ${op} (${left})`,
    ])();
  }

  private setOperation(depth: number): string {
    const { random } = this;
    const matching = random.of(['', '', ` on (${random.of(LABELS)})`, ` ignoring (${random.of(LABELS)})`]);
    return `(${this.vector(depth - 1)}) ${random.of(['and', 'or', 'unless'])}${matching} (${this.vector(depth - 1)})`;
  }

  private labelFunction(depth: number): string {
    const inner = this.vector(depth - 1);
    return this.random.of([
      `label_replace(${inner}, "instance", "$1-x", "job", "(.).*")`,
      `label_replace(${inner}, "copy", "$2$1", "instance", "(.)(.*)")`,
      `label_join(${inner}, "joined", "/", "job", "instance")`,
      `label_replace(${inner}, "${this.random.of(LABELS)}", "same", "", "")`,
      `label_replace(${inner}, "__name__", "new", "job", "a")`,
    ]);
  }

  private quantile(depth: number): string {
    const { random, words } = this;
    const buckets = random.of(words.buckets);
    const inner = random.of([
      `rate(${buckets}[5m])`,
      `sum by (le, job) (increase(${buckets}[4m]))`,
      `sum by (le) (rate(${buckets}[10m]))`,
      this.vector(depth - 1),
    ]);
    return `histogram_quantile(${random.of(['0', '0.5', '0.9', '1'])}, ${inner})`;
  }
}
