import { setTimeout as wait } from 'node:timers/promises';
import type { NotificationRecord } from '@avalanche/alertmanager';
import { AlertmanagerClient, type Query } from '../amtool/client.ts';
import { matcherTexts } from '../amtool/matchers.ts';
import { UsageError } from '../flags.ts';
import { alignTabs } from '../tools/tab-writer.ts';
import type { ToolCommand, ToolInput } from '../tools/tool-command.ts';
import { asJson, wantsJson } from './flags.ts';
import { labelText, oneLine, plural } from './text.ts';

const FILTERS = ['receiver', 'integration', 'status', 'fingerprint'] as const;
const FOLLOW_MS = 2_000;

interface Page {
  readonly notifications: readonly NotificationRecord[];
  readonly next: string | null;
}

export const notificationsCommand: ToolCommand = {
  path: ['notifications'],
  summary: 'The log of every notification, newest first: what, to whom, why, what was replied, how long it took.',
  flags: {
    receiver: { kind: 'string', help: 'Those to this receiver.', placeholder: 'NAME' },
    integration: { kind: 'string', help: 'Those by this kind of integration.', placeholder: 'KIND' },
    status: { kind: 'string', help: 'Those that were sent, or failed.', placeholder: 'sent|failed' },
    fingerprint: { kind: 'string', help: 'Those about this alert.', placeholder: 'FINGERPRINT' },
    limit: { kind: 'string', help: 'Most notifications that are shown.', default: '20' },
    follow: { kind: 'boolean', short: 'f', help: 'Go on with each that is sent from now on.', default: 'false' },
  },
  args: [{ name: 'matchers', help: 'Those about alerts that match; a first one without = is a name.', many: true }],
  async run(input, { output, pause = wait }) {
    const json = wantsJson(input);
    const limit = limitOf(input);
    const read = (query: Query): Promise<Page> => readPage(input, query);
    const page = await read([...filtersOf(input), ['limit', String(limit)]]);
    if (!input.flags.boolean('follow')) {
      output.out(json ? asJson(page) : pageText(page));
      return 0;
    }
    for (let shown = [...page.notifications].reverse(), last = ''; ; ) {
      for (const record of shown)
        output.out(json ? `${JSON.stringify(record)}\n` : `${recordCells(record).join('  ')}\n`);
      last = shown.at(-1)?.id ?? last;
      await pause(FOLLOW_MS);
      const { notifications } = await read([...filtersOf(input), ['limit', '1000']]);
      shown = notifications.filter(({ id }) => id > last).reverse();
    }
  },
};

/** @throws Error where the server keeps no log */
async function readPage(input: ToolInput, query: Query): Promise<Page> {
  const page = await AlertmanagerClient.of(input).ours<Page>('GET', '/notifications', { query });
  if (!page) throw new Error('this Alertmanager keeps no log of notifications: it is not one of avalanche');
  return page;
}

function limitOf({ flags }: ToolInput): number {
  const text = flags.string('limit');
  if (!/^\d+$/.test(text) || Number(text) === 0)
    throw new UsageError(`--limit must be a whole number above 0, not '${text}'`);
  return Number(text);
}

function filtersOf({ flags }: ToolInput): Query {
  const named = FILTERS.filter((name) => flags.given(name)).map((name) => [name, flags.string(name)] as const);
  return [...named, ...matcherTexts(flags.words).map((text) => ['filter', text] as const)];
}

function pageText({ notifications, next }: Page): string {
  const failed = notifications.filter(({ status }) => status === 'failed').length;
  const more = next === null ? '' : ', and there are older ones (--limit)';
  const first = `${plural(notifications.length, 'notification')}, ${failed} failed${more}.\n`;
  if (notifications.length === 0) return first;
  const head = ['At', 'Status', 'Receiver', 'Group', 'Alerts', 'Took', 'Why', 'Reply'];
  const rows = [head, ...notifications.map(recordCells)];
  return `${first}\n${alignTabs(rows.map((cells) => `${cells.join('\t')}\n`).join(''))}`;
}

function recordCells(record: NotificationRecord): string[] {
  const { at, status, receiver, integration, index, groupLabels, firing, resolved, durationSeconds } = record;
  const tries = record.attempts > 1 ? ` (${record.attempts} attempts)` : '';
  return [
    ...[at, status, `${receiver} ${integration}[${index}]`, labelText(groupLabels)],
    ...[`${firing} firing, ${resolved} resolved`, `${durationSeconds} s${tries}`, record.reason, record.reply],
  ].map(oneLine);
}
