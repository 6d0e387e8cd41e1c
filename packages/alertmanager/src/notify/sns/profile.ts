import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The keys of a profile in the shared files of AWS's own tools. */
export type Profile = Readonly<Record<string, string>>;

/** A profile of both files, `credentials` before `config`; undefined where neither has it. */
export async function readProfile(name: string, env: Environment): Promise<Profile | undefined> {
  const [credentials, config] = await Promise.all([
    readSection(env.AWS_SHARED_CREDENTIALS_FILE || join(homedir(), '.aws', 'credentials'), name),
    readSection(env.AWS_CONFIG_FILE || join(homedir(), '.aws', 'config'), name),
  ]);
  return credentials || config ? { ...config, ...credentials } : undefined;
}

/** The keys of `[name]`, which the `config` file calls `[profile name]`. */
async function readSection(file: string, name: string): Promise<Profile | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  let wanted: Record<string, string> | undefined;
  let isWanted = false;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(?:profile\s+)?(.*?)\s*\]/.exec(line)?.[1];
    if (section !== undefined) isWanted = section === name;
    if (!isWanted) continue;
    wanted ??= {};
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key) wanted[key] = value;
  }
  return wanted;
}
