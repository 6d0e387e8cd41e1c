import type { PostgresCollector } from '../view.ts';

/** Not a number, whatever the type says: of Azure's and of Google's servers. */
const IGNORED = ['sync_commit_cancel_wait', 'google_dataplex.max_messages'];

/** What our own session has set for itself: what it would be without that is told. */
const OURS = "'statement_timeout', 'lock_timeout'";

/** Factor and suffix of the units of pg_settings. */
const UNITS: Readonly<Record<string, readonly [number, string]>> = {
  '': [1, ''],
  ms: [0.001, '_seconds'],
  s: [1, '_seconds'],
  min: [60, '_seconds'],
  h: [3600, '_seconds'],
  d: [86_400, '_seconds'],
  B: [1, '_bytes'],
  ...Object.fromEntries(
    [
      ...[['kB', 10] as const, ['MB', 20] as const, ['GB', 30] as const, ['TB', 40] as const],
      ...[0, 1, 2, 3, 4, 5, 6].map((power) => [`${2 ** power}kB`, 10 + power] as const),
      ...[4, 5, 6].map((power) => [`${2 ** power}MB`, 20 + power] as const),
    ].map(([unit, power]) => [unit, [2 ** power, '_bytes'] as const]),
  ),
};

/**
 * A setting as family and value; null where it is no number or has a unit that nobody knows. -1 stays, as it means "off".
 * Aurora writes units into the values as well.
 */
export function settingOf(name: string, setting: string, unit: string, type: string): [string, number] | null {
  const family = `pg_settings_${name.replace(/[.-]/g, '_')}`;
  if (type === 'bool') return [family, setting === 'on' ? 1 : 0];
  const known = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  const value = Number(/^([-+\d.eE]+?)\s*(?:ms|s|min|h|d|B|kB|MB|GB|TB)?$/.exec(setting)?.[1] ?? 'none');
  if (!known || Number.isNaN(value) || !/^[a-zA-Z0-9_:]+$/.test(family)) return null;
  const [factor, suffix] = known;
  return [family + suffix, value === -1 ? -1 : factor === 0.001 ? value / 1000 : value * factor];
}

/** Comes as one text, as 250 rows cost as much as all else that a scrape reads. */
export const settings: PostgresCollector = {
  name: 'settings',
  isDefault: true,
  async collect(families, { query }) {
    const setting = `CASE WHEN name IN (${OURS}) THEN reset_val ELSE setting END`;
    const { rows } = await query(
      `SELECT string_agg(concat(name, E'\\t', ${setting}, E'\\t', unit, E'\\t', vartype), E'\\n') FROM pg_settings
       WHERE vartype IN ('bool', 'integer', 'real') AND name NOT IN (${IGNORED.map((name) => `'${name}'`).join(', ')})`,
    );
    for (const line of (rows[0][0] ?? '').split('\n')) {
      const [name, value, unit = '', type = ''] = line.split('\t');
      const found = settingOf(name, value ?? '', unit, type);
      if (found) families.gauge(found[0], `Server parameter ${name}.`).add(found[1]);
    }
  },
};
