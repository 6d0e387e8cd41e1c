import { createLogger } from '@avalanche/web';
import { expect, test } from 'vitest';
import type { Outcome } from './integration.ts';
import { TroubleLog } from './trouble-log.ts';

test('trouble is said when it begins, when it becomes another and when it is over', () => {
  const lines: string[] = [];
  const troubles = new TroubleLog(createLogger({ write: (line) => lines.push(line) }));
  const failed: Outcome = { kind: 'failed', reason: 'refused', retry: true, category: 'other' };
  const missing: Outcome = { kind: 'not-configured', reason: 'no file' };
  for (const outcome of [missing, missing, failed, failed, { kind: 'sent' }, { kind: 'sent' }, failed] as const) {
    troubles.report('ops/slack/0', outcome);
  }
  expect(lines.map((line) => /msg="(.*?)[;"]/.exec(line)?.[1])).toEqual([
    'A receiver is not configured yet and gets no notifications',
    'Notifying failed',
    'Notifications are sent again',
    'Notifying failed',
  ]);
});

test('a notification log that cannot be written is said once, however many groups meet it', () => {
  const lines: string[] = [];
  const troubles = new TroubleLog(createLogger({ write: (line) => lines.push(line) }));
  const full = new Error('ENOSPC: no space left on device, write');
  for (const error of [undefined, full, full, undefined, undefined, full]) troubles.reportLog(error);
  expect(lines.map((line) => /msg="(.*?)"/.exec(line)?.[1])).toEqual([
    'The notification log cannot be written',
    'The notification log is written again',
    'The notification log cannot be written',
  ]);
  expect(lines[0]).toContain('ENOSPC');
});
