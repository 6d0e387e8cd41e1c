import { type AlertExplanation, parseMatcher } from '@avalanche/alertmanager';
import { AlertmanagerClient, type Query } from '../amtool/client.ts';
import { matcherTexts } from '../amtool/matchers.ts';
import type { ToolCommand, ToolContext, ToolInput } from '../tools/tool-command.ts';
import { explainByStatus } from './explain-by-status.ts';
import { explanationText, ruleText } from './explain-text.ts';
import { asJson, wantsJson } from './flags.ts';
import { type RuleStory, readRules } from './rule-story.ts';
import type { LabelSet } from './text.ts';

/** An alert from its sample to the receivers' replies. */
export type WholeStory = AlertExplanation & { readonly prometheus: RuleStory | null };

/** What `GET /api/v2/alerts/explain` answers. */
export interface Explained {
  readonly alerts: readonly AlertExplanation[];
  /** Some may be too many to be explained. */
  readonly matching: number;
}

export const explainCommand: ToolCommand = {
  path: ['explain'],
  summary: 'Say why people have heard of an alert, or not: from its expression to the reply of each receiver.',
  flags: {
    'prometheus.url': {
      kind: 'string',
      help: 'Prometheus that evaluates the rule.',
      default: 'http://localhost:9090',
    },
  },
  args: [{ name: 'alert', help: 'Its name, its fingerprint, or matchers.', required: true, many: true }],
  async run(input, context) {
    const query = queryOf(input.flags.words);
    const client = AlertmanagerClient.of(input);
    const explained =
      (await client.ours<Explained>('GET', '/alerts/explain', { query })) ?? (await explainByStatus(client, query));
    if (explained.alerts.length === 0) return explainUnknown(input, context, nameIn(query));
    const { stories, problems } = await withRules(input, explained.alerts);
    const { matching } = explained;
    if (wantsJson(input)) {
      context.output.out(asJson({ alerts: stories, matching, problems }));
      return 0;
    }
    context.output.out(stories.map(explanationText).join('\n'));
    if (matching > stories.length) context.output.out(`\n… and ${matching - stories.length} more alerts that match.\n`);
    for (const problem of problems) context.output.err(`${problem}\n`);
    return 0;
  },
};

const FINGERPRINT = /^[0-9a-f]{16}$/;

function queryOf(words: readonly string[]): Query {
  const [first] = words;
  if (words.length === 1 && FINGERPRINT.test(first)) return [['fingerprint', first]];
  return matcherTexts(words).map((text) => ['filter', text] as const);
}

/** The alert's name, where the query says it. */
function nameIn(query: Query): string | undefined {
  return query
    .filter(([key]) => key === 'filter')
    .map(([, text]) => parseMatcher(text))
    .find(({ type, name }) => type === '=' && name === 'alertname')?.value;
}

async function withRules(input: ToolInput, alerts: readonly AlertExplanation[]) {
  const names = [...new Set(alerts.map(({ labels }) => labels.alertname ?? ''))];
  const rules = new Map(await Promise.all(names.map(async (name) => [name, await readRules(input, name)] as const)));
  const stories = alerts.map((alert): WholeStory => {
    return { ...alert, prometheus: rules.get(alert.labels.alertname ?? '')?.storyOf(alert.labels) ?? null };
  });
  const problems = new Set([...rules.values()].flatMap(({ problem }) => problem ?? []));
  return { stories, problems: [...problems] };
}

/** Alertmanager knows nothing of it: Prometheus may say why. @returns 0 where it does */
async function explainUnknown(input: ToolInput, { output }: ToolContext, name: string | undefined): Promise<number> {
  const labels: LabelSet = { alertname: name ?? '' };
  const { problem, storyOf } =
    name === undefined ? { problem: null, storyOf: () => null } : await readRules(input, name);
  const story = storyOf(labels);
  if (wantsJson(input)) output.out(asJson({ alerts: [], matching: 0, prometheus: story }));
  else if (story) output.out(ruleText(name ?? '', story));
  if (story) return 0;
  throw new Error(`Alertmanager knows no such alert${problem === null ? '' : `; ${problem}`}`);
}
