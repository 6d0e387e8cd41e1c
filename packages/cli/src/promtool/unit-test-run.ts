import { formatDuration, formatGoDuration, formatHistogramLiteral, Labels } from '@avalanche/model';
import { AlertingRule, makeRule, type Rule, type RuleGroupConfig } from '@avalanche/prometheus';
import { Engine, parseMetric, parseSeriesText, type VectorSample } from '@avalanche/promql';
import type { QueryFeatures } from './dialect.ts';
import { type ExpectedAlert, FiringAlert, type SampleToCompare, sameAlerts, sameSamples } from './unit-test-compare.ts';
import { alertDifference, labelText, sampleDifference } from './unit-test-diff.ts';
import type { AlertCase, QueryCase, UnitTestGroup } from './unit-test-file.ts';
import { type InputSeries, UnitTestStore } from './unit-test-store.ts';

/** The limits of the engine that upstream tests with. */
const MAX_SAMPLES = 10_000;
const TIMEOUT_MS = 100_000;

export interface UnitTestOptions {
  readonly evaluationMs: number;
  readonly fuzzy: boolean;
  readonly diff: boolean;
  readonly features: QueryFeatures;
  /** In the order of evaluation. */
  readonly groups: readonly RuleGroupConfig[];
}

/** One group of a test file as it runs. Milliseconds. */
export class UnitTest {
  private readonly store: UnitTestStore;
  private readonly engine: Engine;
  private readonly rules: readonly Rule[][];
  private readonly startMs: number;
  /** Series that each rule wrote last. */
  private readonly written = new Map<Rule, ReadonlyMap<string, Labels>>();

  /** @throws Error where an input series cannot be read */
  constructor(
    private readonly test: UnitTestGroup,
    private readonly options: UnitTestOptions,
  ) {
    const { features, evaluationMs, groups } = options;
    this.startMs = test.start_timestamp ?? 0;
    this.store = new UnitTestStore(inputOf(test), this.startMs, test.interval || evaluationMs);
    this.engine = new Engine({
      ...features.dialect,
      delayedNameRemoval: features.delayedNameRemoval,
      maxSamples: MAX_SAMPLES,
      timeoutMs: TIMEOUT_MS,
      defaultSubqueryStepMs: evaluationMs,
    });
    const surroundings = { externalLabels: test.external_labels ?? {}, externalUrl: test.external_url ?? '' };
    this.rules = groups.map((group) => group.rules.map((rule) => makeRule(rule, group, surroundings)));
  }

  /** @returns what went wrong, in upstream's words */
  async run(): Promise<string[]> {
    const { test, options, startMs } = this;
    const cases = test.alert_rule_test ?? [];
    const unnamed = cases.find(({ alertname }) => !alertname);
    if (unnamed) {
      const where = test.name ? ` (in TestGroup ${test.name})` : '';
      const at = formatDuration(unnamed.eval_time ?? 0);
      return [`an item under alert_rule_test misses required attribute alertname at eval_time ${at}${where}`];
    }
    const problems: string[] = [];
    const times = [...new Set(cases.map(({ eval_time = 0 }) => eval_time))].sort((a, b) => a - b);
    const last = this.lastMs;
    for (let time = startMs; time <= last; time += options.evaluationMs) {
      this.store.advance(time);
      const failures = await this.evaluate(time);
      if (failures.length > 0) return [...problems, ...failures];
      // A case belongs to the last evaluation at or before its time.
      while (times.length > 0 && startMs + times[0] < time + options.evaluationMs) {
        const due = times.shift();
        for (const one of cases) if ((one.eval_time ?? 0) === due) problems.push(...this.checkAlerts(one));
      }
    }
    for (const one of test.promql_expr_test ?? []) problems.push(...(await this.checkQuery(one)));
    return problems;
  }

  /** From the start on, the time of the last case. */
  get lengthMs(): number {
    const { alert_rule_test = [], promql_expr_test = [] } = this.test;
    return Math.max(0, ...[...alert_rule_test, ...promql_expr_test].map(({ eval_time = 0 }) => eval_time));
  }

  private get lastMs(): number {
    return this.startMs + this.lengthMs;
  }

  private readonly query = async (expression: string, timeMs: number): Promise<readonly VectorSample[]> => {
    const result = await this.engine.instant(this.store.queryable, expression, timeMs);
    if (result.type === 'vector') return result.samples;
    if (result.type === 'scalar') return [{ labels: Labels.EMPTY, value: result.value, histogram: null }];
    throw new Error('rule result is not a vector or scalar');
  };

  /** Evaluates all groups. @returns the errors of rules */
  private async evaluate(time: number): Promise<string[]> {
    const failures: string[] = [];
    for (const [g, rules] of this.rules.entries()) {
      const { limit, query_offset: offset = 0 } = this.options.groups[g];
      for (const rule of rules) {
        const query = (expression: string, at: number) => this.query(expression, at - offset);
        let error: string;
        try {
          error = this.write(rule, await rule.evaluate(time, query, limit), time - offset);
        } catch (thrown) {
          error = (thrown as Error).message;
        }
        rule.status.lastEvaluation = time || 1;
        if (error === '') continue;
        failures.push(`    rule: ${rule.name}, time: ${formatGoDuration(time)}, err: ${error}`);
      }
    }
    return failures;
  }

  private write(rule: Rule, samples: readonly VectorSample[], time: number): string {
    const now = new Map<string, Labels>();
    let error = '';
    for (const { labels, value, histogram } of samples) {
      const refusal = this.store.append(labels, time, histogram ?? value);
      if (refusal === '') now.set(labels.key, labels);
      else error = refusal;
    }
    for (const [key, labels] of this.written.get(rule) ?? []) {
      if (!now.has(key)) this.store.append(labels, time, null);
    }
    this.written.set(rule, now);
    return error;
  }

  private checkAlerts({ alertname = '', eval_time = 0, exp_alerts = [] }: AlertCase): string[] {
    const alerting = this.rules.flat().filter((rule) => rule instanceof AlertingRule && rule.name === alertname);
    const got = (alerting as AlertingRule[]).flatMap((rule) =>
      rule.activeAlerts
        .filter(({ state }) => state === 'firing')
        .map(({ labels, annotations }) => new FiringAlert(labels.toJSON(), annotations)),
    );
    const wanted: ExpectedAlert[] = exp_alerts.map(
      ({ exp_labels = {}, exp_annotations = {} }) => new FiringAlert({ ...exp_labels, alertname }, exp_annotations),
    );
    if (sameAlerts(wanted, got)) return [];
    const name = this.test.name ? `    name: ${this.test.name},\n` : '';
    const head = `${name}    alertname: ${alertname}, time: ${formatDuration(eval_time)}, \n`;
    return [head + alertDifference(wanted, got, this.options.diff)];
  }

  private async checkQuery({ expr = '', eval_time = 0, exp_samples = [] }: QueryCase): Promise<string[]> {
    const head = `    expr: ${JSON.stringify(expr)}, time: ${formatDuration(eval_time)},`;
    let got: readonly VectorSample[];
    try {
      got = await this.query(expr, this.startMs + eval_time);
    } catch (error) {
      return [`${head} err: ${(error as Error).message}`];
    }
    const wanted: SampleToCompare[] = [];
    for (const { labels = '', value = 0, histogram = '' } of exp_samples) {
      try {
        wanted.push({
          labels: labels === '' ? Labels.EMPTY : parseMetric(labels),
          value,
          histogram: expectedHistogram(histogram),
        });
      } catch (error) {
        return [`${head} err: labels ${JSON.stringify(labels)}: ${(error as Error).message}`];
      }
    }
    const shown = got.map(
      ({ labels, value, histogram }): SampleToCompare => ({
        labels,
        value: histogram ? 0 : value,
        histogram: histogram ? formatHistogramLiteral(histogram) : '',
      }),
    );
    if (sameSamples(wanted, shown, this.options.fuzzy)) return [];
    return [`${head}\n${sampleDifference(wanted, shown)}`];
  }

  /** All series, input and written, as upstream's --debug prints them. @throws Error where they are too many */
  async dump(): Promise<string> {
    const wholeSeconds = Math.floor((this.lengthMs + 1000) / 1000);
    const text = `{__name__=~".+"}[${formatDuration(wholeSeconds * 1000)}]`;
    const result = await this.engine.instant(this.store.queryable, text, this.startMs + wholeSeconds * 1000);
    if (result.type !== 'matrix') return '';
    const series = result.series.map(({ labels, t, v, length, histograms }) => {
      const points = Array.from({ length }, (_, i) => `${histograms?.[i] ?? v[i]} @[${t[i]}]`);
      return `${labelText(labels)} =>\n${points.join('\n')}`;
    });
    const head = `DEBUG: Dump of all data (input_series and rules) at ${formatGoDuration(wholeSeconds * 1000)}:\n`;
    return `${head}${series.join('\n')}\n`;
  }
}

function inputOf({ input_series = [] }: UnitTestGroup): InputSeries[] {
  return input_series.map(({ series = '', values = '' }) => parseSeriesText(`${series} ${values}`));
}

/** A histogram as it is compared: its canonical text; '' for none. @throws Error */
function expectedHistogram(text: string): string {
  if (text === '') return '';
  const { values } = parseSeriesText(`{} ${text}`);
  if (values.length !== 1) throw new Error(`expected 1 value, got ${values.length}`);
  const [value] = values;
  if (typeof value !== 'object' || value === null) throw new Error(`expected histogram, got ${String(value)}`);
  return formatHistogramLiteral(value.histogram);
}
