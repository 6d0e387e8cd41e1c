import { expect, test } from 'vitest';
import { zoneAbbreviation } from './time-zone.ts';

test.each([
  ['Europe/Berlin', 60, 'CET'],
  ['Europe/Berlin', 120, 'CEST'],
  ['America/New_York', -240, 'EDT'],
  ['Asia/Kolkata', 330, 'IST'],
  ['America/Sao_Paulo', -180, '-03'],
  ['UTC', 0, 'UTC'],
  ['No/Where', 0, 'UTC'],
  ['', 0, 'UTC'],
])('%s %d minutes ahead of UTC is %s', (zone, offset, name) => {
  expect(zoneAbbreviation(offset, zone)).toBe(name);
});
