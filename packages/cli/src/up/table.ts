import { ROLES, type RoleName, type RoleState } from './roles.ts';

/** The one table that `avalanche up` prints: role, URL, state. */
export function renderTable(states: ReadonlyMap<RoleName, RoleState>): string {
  const rows = [['ROLE', 'URL', 'STATE']];
  for (const { name } of ROLES) {
    const state = states.get(name);
    if (!state) continue;
    const url = 'url' in state ? state.url : '-';
    rows.push([name, url, state.state === 'not configured' ? `not configured: ${state.how}` : state.state]);
  }
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)) + 2);
  return rows.map(([role, url, state]) => `${role.padEnd(widths[0])}${url.padEnd(widths[1])}${state}\n`).join('');
}
