import { expect, test } from 'vitest';
import { loadLocation, parseTime } from './parse-time.ts';
import { GoTime } from './time.ts';

test.each([
  ['2006-01-02', '2026-03-04', '2026-03-04T00:00:00Z'],
  ['2006-01-02T15:04:05Z07:00', '2026-03-04T05:06:07.089+02:00', '2026-03-04T03:06:07.089Z'],
  ['Mon, 02 Jan 2006 15:04:05 -0700', 'Wed, 04 Mar 2026 05:06:07 -0130', '2026-03-04T06:36:07Z'],
  ['Jan _2 2006 3:04PM', 'Mar  4 2026 12:06AM', '2026-03-04T00:06:00Z'],
  ['02.01.06 15:04:05.000 MST', '04.03.26 05:06:07.089 UTC', '2026-03-04T05:06:07.089Z'],
])('%s reads %s', (layout, text, expected) => {
  expect(parseTime(layout, text).toJSON()).toBe(expected);
});

test.each([
  ['2006-01-02', 'tomorrow', 'parsing time "tomorrow" as "2006-01-02": cannot parse "tomorrow" as "2006"'],
  ['2006-01-02', '2026-13-02', 'parsing time "2026-13-02": month out of range'],
  ['2006-01-02', '2026-02-30', 'parsing time "2026-02-30": day out of range'],
  ['2006-01-02', '2026-02-03x', 'parsing time "2026-02-03x": extra text: "x"'],
])('%s refuses %s', (layout, text, message) => {
  expect(() => parseTime(layout, text)).toThrow(message);
});

test('times have the methods that templates call', () => {
  const time = parseTime('2006-01-02 15:04', '2026-03-04 05:06');
  const later = new GoTime(time.milliseconds + 90_500);
  expect(later.Sub(time).String()).toBe('1m30.5s');
  expect(time.Format('Mon 2 Jan 06 -07 .000')).toBe('Wed 4 Mar 26 +00 .000');
  expect([GoTime.zero.IsZero(), GoTime.zero.toJSON(), new GoTime(0).IsZero()]).toEqual([
    true,
    '0001-01-01T00:00:00Z',
    false,
  ]);
  expect(() => loadLocation('Mars/Olympus')).toThrow('unknown time zone Mars/Olympus');
});
