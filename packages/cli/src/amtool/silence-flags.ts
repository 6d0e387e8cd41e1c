import { parseDuration } from '@avalanche/model';
import type { FlagSpecs } from '../flags.ts';
import { ZonedTime } from './dates.ts';

export const timeFlags: FlagSpecs = {
  start: { kind: 'string', help: 'When the silence should start (RFC 3339).', placeholder: 'TIME' },
  end: {
    kind: 'string',
    help: 'When the silence should end (RFC 3339; overwrites duration).',
    placeholder: 'TIME',
  },
  comment: { kind: 'string', short: 'c', help: 'A comment to help describe the silence.', placeholder: 'TEXT' },
};

export const quietFlag: FlagSpecs = {
  quiet: { kind: 'boolean', short: 'q', help: 'Only show silence ids.', default: 'false' },
};

/** The moment that many milliseconds after `start`. @throws Error for a duration of nothing */
export function after(start: ZonedTime, duration: string): ZonedTime {
  const ms = parseDuration(duration);
  if (ms === 0) throw new Error('silence duration must be greater than 0');
  return new ZonedTime(start.ms + ms);
}

/** @throws Error */
export function checkOrder(startsAt: ZonedTime, endsAt: ZonedTime): void {
  if (startsAt.ms > endsAt.ms) throw new Error('silence cannot start after it ends');
}
