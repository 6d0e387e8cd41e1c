import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JOBS, ROLES, type RoleName, type RoleState } from './roles.ts';

/**
 * Writes the target files of the embedded stack, one a job: what is watched is exactly what runs or was adopted.
 * The classic stack mounts other files of the same names over the same `prometheus.yml`.
 */
export function writeTargets(directory: string, states: ReadonlyMap<RoleName, RoleState>): void {
  mkdirSync(directory, { recursive: true });
  for (const { name } of ROLES) {
    const state = states.get(name);
    const targets = state && 'url' in state ? [{ targets: [new URL(state.url).host] }] : [];
    const path = join(directory, `${JOBS[name]}.yml`);
    const temporary = `${path}.tmp`;
    writeFileSync(temporary, `# Written by \`avalanche up\` at each start.\n${JSON.stringify(targets)}\n`);
    renameSync(temporary, path);
  }
}
