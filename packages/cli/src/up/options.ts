import { type StorageFlags, storageFlags, storageOf } from '../commands/storage-flags.ts';
import { type FlagSpecs, type Flags, UsageError } from '../flags.ts';
import { isRoleName, ROLES, type RoleName } from './roles.ts';

/** What the guide promises; the prometheus role alone keeps upstream's 15 days. */
const RETENTION_MS = 30 * 86_400_000;

export const upFlags: FlagSpecs = {
  demo: { kind: 'boolean', help: 'Run the reference eDNA service with a live workload.', default: 'false' },
  only: { kind: 'string', help: 'Start only these roles (comma separated).', placeholder: 'prometheus,grafana' },
  without: { kind: 'string', help: 'Start all roles but these.', placeholder: 'application,redis-exporter' },
  listen: { kind: 'string', help: 'Address to listen on.', default: '127.0.0.1' },
  port: { kind: 'list', help: 'Move a role to another port; repeatable.', placeholder: 'ROLE=N' },
  'config-dir': { kind: 'string', help: 'Folder of the configuration.', default: 'config' },
  'data-dir': { kind: 'string', help: 'Folder that the state is kept in.', default: 'data' },
  'log-level': { kind: 'string', help: 'debug, info, warn or error.', default: 'warn' },
  'log-format': { kind: 'string', help: 'logfmt or json.', default: 'logfmt' },
  'web.enable-admin-api': { kind: 'boolean', help: 'Let the API delete samples and make snapshots.', default: 'false' },
  ...storageFlags('30d'),
};

export interface UpOptions {
  readonly demo: boolean;
  readonly wanted: ReadonlySet<RoleName>;
  /** Roles that `--only` names: asked for by name, so started even where nothing says that they are needed. */
  readonly named: ReadonlySet<RoleName>;
  readonly host: string;
  readonly ports: Readonly<Record<RoleName, number>>;
  readonly configDirectory: string;
  readonly dataDirectory: string;
  /** How the prometheus role keeps its samples. */
  readonly storage: StorageFlags;
  readonly enableAdminApi: boolean;
}

/** @throws UsageError */
export function upOptions(flags: Flags): UpOptions {
  const named = roleList(flags, 'only');
  const without = roleList(flags, 'without');
  const names = ROLES.map((role) => role.name);
  return {
    demo: flags.boolean('demo'),
    wanted: new Set(names.filter((name) => (named.size === 0 || named.has(name)) && !without.has(name))),
    named,
    host: flags.string('listen'),
    ports: portsOf(flags.list('port')),
    configDirectory: flags.string('config-dir'),
    dataDirectory: flags.string('data-dir'),
    storage: storageOf(flags, RETENTION_MS),
    enableAdminApi: flags.boolean('web.enable-admin-api'),
  };
}

function roleList(flags: Flags, flag: string): Set<RoleName> {
  const names = flags
    .string(flag)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return new Set(names.map((name) => roleName(name, `--${flag}`)));
}

function roleName(name: string, flag: string): RoleName {
  if (isRoleName(name)) return name;
  const known = ROLES.map((role) => role.name).join(', ');
  throw new UsageError(`${flag}: there is no role ${JSON.stringify(name)}; the roles are ${known}`);
}

function portsOf(moves: readonly string[]): Record<RoleName, number> {
  const ports = Object.fromEntries(ROLES.map(({ name, port }) => [name, port])) as Record<RoleName, number>;
  for (const move of moves) {
    const match = /^([a-z-]+)=(\d{1,5})$/.exec(move);
    if (!match || Number(match[2]) > 65_535) {
      throw new UsageError(`--port wants ROLE=N, such as grafana=3001, not ${JSON.stringify(move)}`);
    }
    ports[roleName(match[1], '--port')] = Number(match[2]);
  }
  return ports;
}
