import { awsFailure, keepSecret } from './aws.ts';
import type { SnsConfig } from './config.ts';
import { containerCredentials, ecsCredentials, machineCredentials } from './metadata.ts';
import { type Environment, type Profile, readProfile } from './profile.ts';
import { assumeRole, assumeRoleWithWebIdentity } from './role.ts';
import type { AwsCredentials } from './sigv4.ts';
import type { SnsMessage } from './sns.ts';

type Sigv4 = SnsConfig['sigv4'];

export interface AwsIdentity {
  readonly region: string;
  readonly credentials: AwsCredentials;
}

/**
 * Who we are for AWS and where, as the chain of AWS's SDK finds it: what the configuration says, the environment, a web
 * identity, the shared files of AWS's own tools, the container, the machine. `sigv4.role_arn` is assumed by whoever that is.
 * @throws NotifyFailure, or Error where a file of it cannot be read
 */
export async function awsIdentity(message: SnsMessage, env: Environment = process.env): Promise<AwsIdentity> {
  const { sigv4 } = message.config;
  const name = sigv4.profile || env.AWS_PROFILE || 'default';
  const profile = await readProfile(name, env);
  if (!profile && sigv4.profile !== '') throw awsFailure(`failed to get shared config profile, ${name}`);
  const region = sigv4.region || env.AWS_REGION || env.AWS_DEFAULT_REGION || profile?.region || '';
  if (region === '') throw awsFailure('region not configured in sns.sigv4.region or in default credentials chain');
  const chain = new CredentialChain(message, region, env);
  const found = await chain.find(sigv4, profile ?? {}, name);
  if (sigv4.role_arn === '') return { region, credentials: found };
  const role = { arn: sigv4.role_arn, externalId: sigv4.external_id, sessionName: '' };
  return { region, credentials: await assumeRole(message, role, region, found) };
}

class CredentialChain {
  constructor(
    private readonly message: SnsMessage,
    private readonly region: string,
    private readonly env: Environment,
  ) {}

  async find(sigv4: Sigv4, profile: Profile, name: string): Promise<AwsCredentials> {
    const { env } = this;
    const own = this.pair(sigv4.access_key, sigv4.secret_key);
    if (own) return own;
    // a profile that is named counts more than the environment
    if (sigv4.profile === '') {
      const given = this.fromEnvironment();
      if (given) return given;
      if (env.AWS_WEB_IDENTITY_TOKEN_FILE) {
        return this.byWebIdentity(env.AWS_WEB_IDENTITY_TOKEN_FILE, env.AWS_ROLE_ARN, env.AWS_ROLE_SESSION_NAME);
      }
    }
    return this.ofProfile(profile, new Set([name]));
  }

  /** @param seen the profiles on the way here */
  private async ofProfile(profile: Profile, seen: ReadonlySet<string>): Promise<AwsCredentials> {
    const { web_identity_token_file: tokenFile, role_arn: arn } = profile;
    const isWebIdentity = !this.hasKeys(profile) && !profile.source_profile && !profile.credential_source;
    if (isWebIdentity && tokenFile) return this.byWebIdentity(tokenFile, arn, profile.role_session_name);
    const found = await this.sourceOf(profile, seen);
    if (!arn) return found;
    const role = { arn, externalId: profile.external_id ?? '', sessionName: profile.role_session_name ?? '' };
    return assumeRole(this.message, role, this.region, found);
  }

  /** The credentials of a profile, before the role that it wants. */
  private async sourceOf(profile: Profile, seen: ReadonlySet<string>): Promise<AwsCredentials> {
    const { source_profile: source, credential_source: from } = profile;
    if (source && !seen.has(source)) {
      const other = await readProfile(source, this.env);
      if (!other) throw awsFailure(`failed to get shared config profile, ${source}`);
      return this.ofProfile(other, new Set([...seen, source]));
    }
    const own = this.pair(profile.aws_access_key_id, profile.aws_secret_access_key, profile.aws_session_token);
    if (own) return own;
    if (from) return this.fromNamed(from);
    for (const key of ['sso_session', 'sso_start_url', 'credential_process']) {
      if (profile[key]) throw awsFailure(`${key} of AWS's shared files is not supported`);
    }
    const { AWS_CONTAINER_CREDENTIALS_FULL_URI: whole, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: path } = this.env;
    if (whole) return containerCredentials(this.message, whole, this.env);
    return path ? ecsCredentials(this.message, path, this.env) : machineCredentials(this.message, this.env);
  }

  /** What a profile's `credential_source` names. */
  private async fromNamed(source: string): Promise<AwsCredentials> {
    const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: path } = this.env;
    if (source === 'Ec2InstanceMetadata') return machineCredentials(this.message, this.env);
    if (source === 'EcsContainer' && path) return ecsCredentials(this.message, path, this.env);
    const given = source === 'Environment' ? this.fromEnvironment() : undefined;
    if (given) return given;
    if (source === 'Environment') throw awsFailure('credential_source is Environment, which has no credentials');
    throw awsFailure(
      source === 'EcsContainer'
        ? "EcsContainer was specified as the credential_source, but 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI' was not set"
        : 'credential_source values must be EcsContainer, Ec2InstanceMetadata, or Environment',
    );
  }

  private byWebIdentity(tokenFile: string, arn = '', sessionName = ''): Promise<AwsCredentials> {
    if (arn === '') throw awsFailure('role ARN is not set');
    return assumeRoleWithWebIdentity(this.message, { arn, externalId: '', sessionName }, this.region, tokenFile);
  }

  private fromEnvironment(): AwsCredentials | undefined {
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = this.env;
    return this.pair(id, secret, token);
  }

  private hasKeys({ aws_access_key_id: id, aws_secret_access_key: secret }: Profile): boolean {
    return Boolean(id && secret);
  }

  private pair(id: string | undefined, secret: string | undefined, token?: string): AwsCredentials | undefined {
    if (!id || !secret) return undefined;
    return keepSecret(this.message, { accessKeyId: id, secretAccessKey: secret, sessionToken: token });
  }
}
