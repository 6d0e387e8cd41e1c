import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SnsConfig } from './config.ts';
import type { AwsCredentials } from './sigv4.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Profile = Readonly<Record<string, string>>;

export interface AwsSettings {
  readonly region: string;
  /** undefined where none are to be found. */
  readonly credentials: AwsCredentials | undefined;
}

/**
 * Who we are for AWS and where: what the configuration says, else the environment, else the shared files of AWS's own
 * tools. Roles of machines and containers are not asked for.
 */
export async function awsSettings(sigv4: SnsConfig['sigv4'], env: Environment = process.env): Promise<AwsSettings> {
  const name = sigv4.profile || env.AWS_PROFILE || 'default';
  const [shared, config] = await Promise.all([
    readProfile(env.AWS_SHARED_CREDENTIALS_FILE || join(homedir(), '.aws', 'credentials'), name),
    readProfile(env.AWS_CONFIG_FILE || join(homedir(), '.aws', 'config'), name),
  ]);
  const files = { ...config, ...shared };
  const region = sigv4.region || env.AWS_REGION || env.AWS_DEFAULT_REGION || files.region || '';
  const own = pair(sigv4.access_key, sigv4.secret_key);
  const fromFiles = pair(files.aws_access_key_id, files.aws_secret_access_key, files.aws_session_token);
  const fromEnv = pair(env.AWS_ACCESS_KEY_ID, env.AWS_SECRET_ACCESS_KEY, env.AWS_SESSION_TOKEN);
  // a profile that is named counts more than the environment
  return { region, credentials: own ?? (sigv4.profile ? (fromFiles ?? fromEnv) : (fromEnv ?? fromFiles)) };
}

function pair(id: string | undefined, secret: string | undefined, token?: string): AwsCredentials | undefined {
  return id && secret ? { accessKeyId: id, secretAccessKey: secret, sessionToken: token } : undefined;
}

/** The keys of `[name]`, which the `config` file calls `[profile name]`; none where there is no such file. */
async function readProfile(file: string, name: string): Promise<Profile> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const out: Record<string, string> = {};
  let isWanted = false;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(?:profile\s+)?(.*?)\s*\]/.exec(line)?.[1];
    if (section !== undefined) isWanted = section === name;
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (isWanted && key) out[key] = value;
  }
  return out;
}
