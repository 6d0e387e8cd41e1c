import { readFile } from 'node:fs/promises';
import { isValidLabelName, METRIC_NAME, parseDuration } from '@avalanche/model';
import { type Dialect, parse as parseExpression } from '@avalanche/promql';
import {
  type Decoded,
  decodeGoYaml,
  FileError,
  goInt,
  goList,
  goParsed,
  goString,
  goStringMap,
  goStringNode,
  goStruct,
  type YamlPosition,
} from '@avalanche/yamlfile';
import { checkTemplate } from './template.ts';

/** A rule as its file has it. Durations are milliseconds; what is not given is undefined or empty. */
export interface RuleConfig {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: number | undefined;
  readonly keep_firing_for?: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuleGroupConfig {
  readonly name: string;
  readonly interval?: number | undefined;
  /** Undefined where the global one counts. */
  readonly query_offset?: number | undefined;
  readonly limit: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly rules: readonly RuleConfig[];
}

const ruleFields = {
  record: goStringNode,
  alert: goStringNode,
  expr: goStringNode,
  for: goParsed(parseDuration),
  keep_firing_for: goParsed(parseDuration),
  labels: goStringMap,
  annotations: goStringMap,
};
const groupFields = {
  name: goString,
  interval: goParsed(parseDuration),
  query_offset: goParsed(parseDuration),
  limit: goInt,
  rules: goList(goStruct('rulefmt.Rule', ruleFields, 'rulefmt.RuleNode'), 'rulefmt.RuleNode'),
  labels: goStringMap,
};
const fileType = goStruct(
  'rulefmt.RuleGroups',
  { groups: goList(goStruct('rulefmt.RuleGroup', groupFields, 'rulefmt.RuleGroupNode'), 'rulefmt.RuleGroupNode') },
  'rulefmt.ruleGroups',
);

type RawRule = Decoded<typeof ruleFields>;

export interface RuleFileOptions {
  /** What expressions may use. */
  readonly dialect?: Dialect;
  readonly ignoreUnknownFields?: boolean;
}

export interface ParsedRuleFile {
  readonly groups: readonly RuleGroupConfig[];
  /** All that is wrong, in upstream's words (model/rulefmt); with problems of validation, `groups` is there all the same. */
  readonly problems: readonly string[];
  /** Whether other YAML documents follow the first, which alone counts. */
  readonly hasMore: boolean;
}

/** Reads the text of a rule file. */
export function parseRuleFile(text: string, options: RuleFileOptions = {}): ParsedRuleFile {
  const { dialect = {}, ignoreUnknownFields = false } = options;
  const { value, problems, hasMore } = decodeGoYaml(text, fileType, { strict: !ignoreUnknownFields, twice: true });
  if (problems.length > 0) return { groups: [], problems, hasMore };
  const found: string[] = [];
  const names = new Set<string>();
  const groups = (value?.groups ?? []).map((raw): RuleGroupConfig => {
    const name = raw.name ?? '';
    if (name === '') found.push('0:0: Groupname must not be empty');
    if (names.has(name)) found.push(`0:0: groupname: "${name}" is repeated in the same file`);
    names.add(name);
    const labels = raw.labels ?? {};
    found.push(...labelProblems(labels));
    const rules = (raw.rules ?? []).map((rule, i) => {
      const checked = ruleOf(rule);
      const about = `group ${JSON.stringify(name)}, rule ${i + 1}, ${JSON.stringify(checked.alert ?? checked.record ?? '')}`;
      for (const { at, message } of problemsOf(rule, checked, dialect)) {
        const places = at.map(({ line, column }) => `${line}:${column}: `).join('');
        found.push(`${places}${about}: ${message}`);
      }
      return checked;
    });
    const { interval, query_offset, limit = 0 } = raw;
    return { name, interval, query_offset, limit, labels, rules };
  });
  return { groups, problems: found, hasMore };
}

function ruleOf(raw: RawRule): RuleConfig {
  const { record, alert, expr = '', labels = {}, annotations = {} } = raw;
  return {
    ...(record ? { record } : {}),
    ...(alert ? { alert } : {}),
    expr,
    for: raw.for,
    keep_firing_for: raw.keep_firing_for,
    labels,
    annotations,
  };
}

interface Problem {
  readonly at: readonly YamlPosition[];
  readonly message: string;
}

function problemsOf(raw: RawRule, rule: RuleConfig, dialect: Dialect): Problem[] {
  const { record, alert } = rule;
  const problems: Problem[] = [];
  const both = [raw.at('record'), raw.at('alert')];
  if (record && alert) problems.push({ at: both, message: "only one of 'record' and 'alert' must be set" });
  if (!record && !alert) problems.push({ at: both, message: "one of 'record' or 'alert' must be set" });
  const wrong = expressionProblem(rule.expr, dialect);
  if (wrong !== null) problems.push({ at: [raw.at('expr')], message: wrong });
  if (record) for (const message of recordProblems(rule)) problems.push({ at: [raw.at('record')], message });
  const unplaced = [...labelProblems(rule.labels), ...annotationProblems(rule.annotations), ...templateProblems(rule)];
  for (const message of unplaced) problems.push({ at: [], message });
  return problems;
}

function expressionProblem(text: string, dialect: Dialect): string | null {
  if (text === '') return "field 'expr' must be set in rule";
  try {
    parseExpression(text, dialect);
    return null;
  } catch (error) {
    return `could not parse expression: ${(error as Error).message}`;
  }
}

function recordProblems({ record = '', ...rule }: RuleConfig): string[] {
  const problems: string[] = [];
  if (Object.keys(rule.annotations).length > 0) problems.push("invalid field 'annotations' in recording rule");
  if (rule.for) problems.push("invalid field 'for' in recording rule");
  if (rule.keep_firing_for) problems.push("invalid field 'keep_firing_for' in recording rule");
  if (!isValidLabelName(record)) problems.push(`invalid recording rule name: ${record}`);
  if (/[{}]/.test(record)) {
    problems.push(`braces present in the recording rule name; should it be in expr?: ${record}`);
  }
  return problems;
}

function labelProblems(labels: Readonly<Record<string, string>>): string[] {
  return Object.keys(labels)
    .filter((name) => !isValidLabelName(name) || name === METRIC_NAME)
    .map((name) => `invalid label name: ${name}`);
}

function annotationProblems(annotations: Readonly<Record<string, string>>): string[] {
  return Object.keys(annotations)
    .filter((name) => !isValidLabelName(name))
    .map((name) => `invalid annotation name: ${name}`);
}

function templateProblems({ alert, labels, annotations }: RuleConfig): string[] {
  if (alert === undefined) return [];
  const check = (kind: string, texts: Readonly<Record<string, string>>) =>
    Object.entries(texts).flatMap(([name, text]) => {
      try {
        checkTemplate(text, alert);
        return [];
      } catch (error) {
        return [`${kind} ${JSON.stringify(name)}: ${(error as Error).message}`];
      }
    });
  return [...check('label', labels), ...check('annotation', annotations)];
}

/** The groups of one rule file, checked. */
export interface LoadedRuleFile {
  readonly file: string;
  readonly groups: readonly RuleGroupConfig[];
  /** Whether other YAML documents follow the first, which alone counts. */
  readonly hasMore?: boolean;
}

/** What upstream says of such a file. */
export const MANY_DOCUMENTS =
  'Multiple document yaml rules files are not supported, only the first document is processed';

/** Reads a rule file that must be right. @throws FileError with everything that is wrong */
export async function loadRuleFile(file: string, dialect: Dialect = {}): Promise<LoadedRuleFile> {
  const { groups, problems, hasMore } = await readRuleFile(file, { dialect });
  if (problems.length > 0)
    throw new FileError(
      file,
      problems.map((message) => ({ line: 0, key: '', message })),
    );
  return { file, groups, hasMore };
}

/** Reads a rule file; one that cannot be read has that problem. */
export async function readRuleFile(file: string, options: RuleFileOptions = {}): Promise<ParsedRuleFile> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    return { groups: [], problems: [`open ${file}: ${reasonOf(error as NodeJS.ErrnoException)}`], hasMore: false };
  }
  return parseRuleFile(text, options);
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'no such file or directory';
  if (code === 'EACCES') return 'permission denied';
  return code === 'EISDIR' ? 'is a directory' : message;
}
