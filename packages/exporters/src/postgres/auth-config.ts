import { readYamlFile } from '@avalanche/yamlfile';
import { z } from 'zod';

const texts = z.record(z.string(), z.string());
const schema = z.strictObject({
  auth_modules: z
    .record(
      z.string(),
      z.strictObject({
        type: z.string().default(''),
        userpass: z
          .strictObject({ username: z.string().default(''), password: z.string().default('') })
          .default({ username: '', password: '' }),
        options: texts.nullish().transform((options) => options ?? {}),
      }),
    )
    .nullish()
    .transform((modules) => modules ?? {}),
});

/** How `/probe` gets into the databases that it is asked for. */
export type AuthModule = z.output<typeof schema>['auth_modules'][string];
export type AuthModules = Readonly<Record<string, AuthModule>>;

/** Reads `postgres_exporter.yml`. @throws FileError naming file, line and key */
export async function readAuthModules(file: string): Promise<AuthModules> {
  return (await readYamlFile(file, schema)).auth_modules;
}

/**
 * The connection string of a target of `/probe`: a URI, `key=value` pairs or `host:port/database`, with the user, password and
 * options of a module.
 * @throws Error without the password where it is no such thing
 */
export function probeDataSource(target: string, module?: AuthModule): string {
  const isPairs = /^\s*\w+\s*=/.test(target);
  if (isPairs) return [target, ...pairsOf(module)].join(' ');
  let uri: URL;
  try {
    uri = new URL(/^postgres(ql)?:\/\//.test(target) ? target : `postgresql://${target}`);
  } catch {
    throw new Error('could not understand DSN');
  }
  if (module?.type === 'userpass') {
    uri.username = encodeURIComponent(module.userpass.username);
    uri.password = encodeURIComponent(module.userpass.password);
  }
  for (const [name, value] of Object.entries(module?.options ?? {})) uri.searchParams.set(name, value);
  return uri.href;
}

function pairsOf(module: AuthModule | undefined): string[] {
  const pairs = Object.entries(module?.options ?? {});
  if (module?.type === 'userpass') {
    pairs.push(['user', module.userpass.username], ['password', module.userpass.password]);
  }
  return pairs.map(([name, value]) => `${name}='${value.replace(/['\\]/g, '\\$&')}'`);
}
