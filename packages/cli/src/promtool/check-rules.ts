import { readFileSync } from 'node:fs';
import { compareStrings, Labels } from '@avalanche/model';
import type { ParsedRuleFile, RuleConfig, RuleGroupConfig } from '@avalanche/prometheus';
import type { Output } from '../tools/output.ts';
import type { ToolCommand } from '../tools/tool-command.ts';
import { featuresOf } from './dialect.ts';
import { findSilentSelectors } from './live-selectors.ts';

/** Upstream's exit code for lint that is fatal. */
const LINT_EXIT = 3;
const STDIN_FD = 0;

export const checkRulesCommand: ToolCommand = {
  path: ['check', 'rules'],
  summary: 'Check if the rule files are valid or not; without a file, what comes by standard input.',
  flags: {
    lint: {
      kind: 'string',
      help: 'Linting checks to apply: all, duplicate-rules, none.',
      default: 'duplicate-rules',
    },
    'lint-fatal': { kind: 'boolean', help: 'Make lint errors exit with exit code 3.', default: 'false' },
    'ignore-unknown-fields': { kind: 'boolean', help: 'Ignore unknown fields in the rule files.', default: 'false' },
    live: { kind: 'string', help: 'Ours: a Prometheus; every selector that matches nothing there is named.' },
  },
  args: [{ name: 'rule-files', help: 'The rule files to check.', many: true, file: true }],
  async run(input, { output, now }) {
    const { flags } = input;
    const { MANY_DOCUMENTS, readRuleFile, parseRuleFile } = await import('@avalanche/prometheus');
    const { dialect } = featuresOf(flags);
    const lint = new Set(lintOptions(flags.string('lint'), output));
    const lintDuplicates = lint.has('all') || lint.has('duplicate-rules');
    const check = { output, lintDuplicates, manyDocuments: MANY_DOCUMENTS };
    const options = { dialect, ignoreUnknownFields: flags.boolean('ignore-unknown-fields') };
    const verdict = new Verdict();
    const groups: RuleGroupConfig[] = [];
    const files = flags.words.length === 0 ? [null] : input.rest('rule-files');
    for (const file of files) {
      output.out(file === null ? 'Checking standard input\n' : `Checking ${file}\n`);
      const parsed =
        file === null ? parseRuleFile(readFileSync(STDIN_FD, 'utf8'), options) : await readRuleFile(file, options);
      if (!tell(parsed, file, check, verdict)) continue;
      groups.push(...parsed.groups);
    }
    if (flags.given('live')) {
      const silent = await findSilentSelectors(flags.string('live'), groups, now());
      for (const line of silent) output.err(`  NO MATCH: ${line}\n`);
      if (silent.length === 0) output.out('  every selector matches something\n');
      else verdict.lint = true;
    }
    return verdict.exitCode(flags.boolean('lint-fatal'));
  },
};

class Verdict {
  failed = false;
  lint = false;

  exitCode(lintFatal: boolean): number {
    if (this.failed) return 1;
    return this.lint && lintFatal ? LINT_EXIT : 0;
  }
}

interface Check {
  readonly output: Output;
  readonly lintDuplicates: boolean;
  readonly manyDocuments: string;
}

const LINT_OPTIONS = ['all', 'duplicate-rules', 'none'];

function lintOptions(text: string, output: Output): string[] {
  const options = text === '' ? [] : text.split(',');
  for (const option of options) {
    if (!LINT_OPTIONS.includes(option)) output.out(`WARNING: unknown lint option: ${JSON.stringify(option)}\n`);
  }
  return options;
}

/** Tells of one file; false where its rules cannot be used. */
function tell(parsed: ParsedRuleFile, file: string | null, check: Check, verdict: Verdict): boolean {
  const { output } = check;
  if (parsed.hasMore) output.err(`WARNING: ${check.manyDocuments}\n`);
  if (parsed.problems.length > 0) {
    output.err('  FAILED:\n');
    for (const problem of parsed.problems) output.err(`${file === null ? '' : `${file}: `}${problem}\n`);
    verdict.failed = true;
    return false;
  }
  const duplicates = check.lintDuplicates ? duplicateRules(parsed.groups) : [];
  if (duplicates.length > 0) {
    output.err(`  FAILED:\nlint error ${describeDuplicates(duplicates)}\n`);
    verdict.lint = true;
  } else {
    const count = parsed.groups.reduce((sum, group) => sum + group.rules.length, 0);
    output.out(`  SUCCESS: ${count} rules found\n`);
  }
  output.out('\n');
  return true;
}

interface Identity {
  readonly metric: string;
  readonly labels: Labels;
}

/** Rules of which another has the same name and labels, each once, in order. */
function duplicateRules(groups: readonly RuleGroupConfig[]): Identity[] {
  const seen = new Map<string, number>();
  const identities = groups.flatMap((group) => group.rules.map((rule) => identityOf(rule, group)));
  const duplicates = identities.filter(({ metric, labels }) => {
    const key = `${metric}\0${labels.key}`;
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return count === 2;
  });
  return duplicates.sort((a, b) => compareStrings(a.metric, b.metric) || a.labels.compare(b.labels));
}

function identityOf({ alert, record = '', labels }: RuleConfig, group: RuleGroupConfig): Identity {
  return { metric: alert ?? record, labels: Labels.from({ ...group.labels, ...labels }) };
}

function describeDuplicates(duplicates: readonly Identity[]): string {
  const parts = duplicates.map(({ metric, labels }) => {
    const lines = [...labels.entries()].map(([name, value]) => `\t${name}: ${value}\n`);
    return `Metric: ${metric}\nLabel(s):\n${lines.join('')}`;
  });
  return `${duplicates.length} duplicate rule(s) found.\n${parts.join('')}Might cause inconsistency while recording expressions`;
}
