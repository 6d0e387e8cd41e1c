import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { matchesAnywhere } from '@avalanche/model';
import type { RuleGroupConfig } from '@avalanche/prometheus';
import { UsageError } from '../flags.ts';
import { describeFailure } from '../tools/failure.ts';
import { glob } from '../tools/glob.ts';
import type { ToolCommand, ToolContext, ToolInput } from '../tools/tool-command.ts';
import { Coverage } from './coverage.ts';
import { featuresOf, type QueryFeatures } from './dialect.ts';
import { type JUnitCase, type JUnitSuite, junitXml } from './junit.ts';
import { parseUnitTestFile, type UnitTestFile, type UnitTestGroup } from './unit-test-file.ts';

const MINUTE_MS = 60_000;

export const testRulesCommand: ToolCommand = {
  path: ['test', 'rules'],
  summary: 'Unit tests for rules.',
  flags: {
    run: { kind: 'list', help: 'Only test groups whose names match this regular expression; may be repeated.' },
    debug: { kind: 'boolean', help: 'Tell of each test, and dump its data.', default: 'false' },
    diff: { kind: 'boolean', help: 'Print differences of alerts in colours.', default: 'false' },
    'ignore-unknown-fields': { kind: 'boolean', help: 'Ignore unknown fields in the rule files.', default: 'false' },
    junit: { kind: 'string', help: 'File for the results as JUnit XML.' },
    coverage: { kind: 'boolean', help: 'Ours: tell which rules no test looks at.', default: 'false' },
    'fail-on-missing-files': {
      kind: 'boolean',
      help: 'Ours: fail where a pattern of rule_files matches no file.',
      default: 'false',
    },
  },
  args: [{ name: 'test-rule-file', help: 'The unit test file.', required: true, many: true, file: true }],
  async run(input, context) {
    const run = new TestRun(input, context);
    for (const file of input.rest('test-rule-file')) await run.file(file);
    run.finish();
    return run.failed ? 1 : 0;
  },
};

class TestRun {
  failed = false;
  private readonly suites: JUnitSuite[] = [];
  private readonly coverage = new Coverage();
  private readonly features: QueryFeatures;
  /** Whether a test group is to run, by its name. */
  private readonly wanted: (name: string) => boolean;

  constructor(
    private readonly input: ToolInput,
    private readonly context: ToolContext,
  ) {
    this.features = featuresOf(input.flags);
    this.wanted = patternOf(input.flags.list('run'));
  }

  /** Runs the tests of one file and tells how they went. */
  async file(file: string): Promise<void> {
    const { output } = this.context;
    output.out(`Unit Testing:  ${file}\n`);
    const problems = await this.test(file);
    if (problems.length === 0) output.out('  SUCCESS\n');
    else {
      this.failed = true;
      output.err('  FAILED:\n');
      for (const problem of problems) {
        output.err(`${problem}\n`);
        output.out('\n');
      }
    }
    output.out('\n');
  }

  finish(): void {
    const { flags } = this.input;
    if (flags.boolean('coverage')) this.context.output.out(this.coverage.report());
    if (flags.given('junit')) writeFileSync(flags.string('junit'), junitXml(this.suites));
  }

  private async test(file: string): Promise<string[]> {
    const cases: JUnitCase[] = [];
    let timestamp = '';
    try {
      const tests = parseUnitTestFile(readFileSync(file, 'utf8'));
      const groups = await this.groupsOf(tests, file);
      timestamp = new Date(this.context.now()).toISOString().slice(0, 19);
      const problems: string[] = [];
      for (const [i, test] of (tests.tests ?? []).entries()) {
        if (!this.wanted(test.name ?? '')) continue;
        const name = test.name || `unnamed#${i}`;
        const failures = await this.testGroup(test, name, tests, groups);
        cases.push({ name, failures });
        problems.push(...failures);
      }
      return problems;
    } catch (error) {
      const text = describeFailure(error);
      if (text === null) throw error;
      cases.push({ name: 'unknown', failures: [], error: text });
      return [text];
    } finally {
      this.suites.push({ name: file, timestamp, cases });
    }
  }

  /** The groups of all rule files in the order of evaluation; or what is wrong with them, which each test tells. */
  private async groupsOf(tests: UnitTestFile, file: string): Promise<LoadedGroups> {
    const { readRuleFile } = await import('@avalanche/prometheus');
    const order = orderOf(tests.group_eval_order ?? []);
    const found = new Map<string, { readonly file: string; readonly group: RuleGroupConfig }>();
    const problems: string[] = [];
    for (const path of this.ruleFiles(tests.rule_files ?? [], dirname(file))) {
      const ignoreUnknownFields = this.input.flags.boolean('ignore-unknown-fields');
      const parsed = await readRuleFile(path, { dialect: this.features.dialect, ignoreUnknownFields });
      if (parsed.problems.length > 0) {
        problems.push(...parsed.problems.map((problem) => `${path}: ${problem}`));
        break;
      }
      for (const group of parsed.groups) found.set(`${path};${group.name}`, { file: path, group });
    }
    if (problems.length > 0) return { groups: [], problems };
    this.coverage.add(tests, [...found.values()]);
    const placeOf = (group: RuleGroupConfig) => order.get(group.name) ?? 0;
    const groups = [...found.values()].map(({ group }) => group).sort((a, b) => placeOf(a) - placeOf(b));
    return { groups, problems };
  }

  private ruleFiles(patterns: readonly string[], directory: string): string[] {
    return patterns.flatMap((pattern) => {
      const path = pattern === '' || isAbsolute(pattern) ? pattern : join(directory, pattern);
      const files = glob(path);
      if (files.length > 0) return files;
      if (this.input.flags.boolean('fail-on-missing-files')) throw new Error(`no file matches pattern ${path}`);
      this.context.output.err(`  WARNING: no file match pattern ${path}\n`);
      return [];
    });
  }

  private async testGroup(
    test: UnitTestGroup,
    name: string,
    { evaluation_interval, fuzzy_compare = false }: UnitTestFile,
    { groups, problems }: LoadedGroups,
  ): Promise<readonly string[]> {
    const { flags } = this.input;
    const { output } = this.context;
    const debug = flags.boolean('debug');
    const began = performance.now();
    if (debug) output.err(`DEBUG: Starting test ${name}\n`);
    try {
      if (problems.length > 0) return problems;
      const { UnitTest } = await import('./unit-test-run.ts');
      const evaluationMs = evaluation_interval || MINUTE_MS;
      const options = {
        evaluationMs,
        fuzzy: fuzzy_compare,
        diff: flags.boolean('diff'),
        features: this.features,
        groups,
      };
      const unit = new UnitTest(test, options);
      const failures = await unit.run();
      if (debug) output.err(await unit.dump());
      return failures;
    } catch (error) {
      const text = describeFailure(error);
      if (text === null) throw error;
      return [text];
    } finally {
      if (debug) output.err(`DEBUG: Test ${name} finished, took ${(performance.now() - began).toFixed(3)}ms\n`);
    }
  }
}

interface LoadedGroups {
  readonly groups: readonly RuleGroupConfig[];
  readonly problems: readonly string[];
}

/** @throws Error where a group is named twice */
function orderOf(names: readonly string[]): ReadonlyMap<string, number> {
  const order = new Map<string, number>();
  for (const [i, name] of names.entries()) {
    if (order.has(name)) throw new Error(`group name repeated in evaluation order: ${name}`);
    order.set(name, i);
  }
  return order;
}

/** The patterns of --run as one. @throws UsageError */
function patternOf(texts: readonly string[]): (name: string) => boolean {
  if (texts.length === 0) return () => true;
  const pattern = texts.join('|');
  try {
    matchesAnywhere(pattern, '');
  } catch (error) {
    throw new UsageError(`--run: ${(error as Error).message}`);
  }
  return (name) => matchesAnywhere(pattern, name);
}
