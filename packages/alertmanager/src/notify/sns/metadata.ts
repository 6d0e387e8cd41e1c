import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { parseJsonObject } from '../api-url.ts';
import { NotifyFailure } from '../failure.ts';
import type { HttpCall } from '../http.ts';
import { awsFailure, keepSecret } from './aws.ts';
import type { Environment } from './profile.ts';
import type { AwsCredentials } from './sigv4.ts';
import type { SnsMessage } from './sns.ts';

const ECS = 'http://169.254.170.2';
const MACHINE = 'http://169.254.169.254';
/** Where credentials may be asked for without TLS: ECS and EKS; and this machine. */
const CONTAINER_HOSTS = ['169.254.170.2', '169.254.170.23', '[fd00:ec2::23]', 'localhost', '[::1]'];
/** They answer at once where they are there at all. */
const METADATA_MS = 2_000;
const MACHINE_TOKEN_SECONDS = '300';

/** Credentials of the task on ECS, by `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`. @throws NotifyFailure */
export function ecsCredentials(message: SnsMessage, path: string, env: Environment): Promise<AwsCredentials> {
  return containerCredentials(message, `${ECS}${path}`, env);
}

/** Credentials of the container, by `AWS_CONTAINER_CREDENTIALS_FULL_URI` (EKS). @throws NotifyFailure, Error */
export async function containerCredentials(
  message: SnsMessage,
  address: string,
  env: Environment,
): Promise<AwsCredentials> {
  if (!URL.canParse(address)) throw awsFailure('invalid URL of container credentials');
  const url = new URL(address);
  if (url.protocol !== 'https:' && !isContainerHost(url.hostname)) {
    throw awsFailure(
      `invalid endpoint host, ${JSON.stringify(url.hostname)}, only loopback/ecs/eks hosts are allowed.`,
    );
  }
  const authorization = await containerToken(env);
  message.exchange.talk.mask.add(authorization);
  const headers = authorization === '' ? {} : { authorization };
  const text = await ask(message, { url: url.href, method: 'GET', headers });
  return credentialsIn(message, text, 'the container');
}

/** @throws NotifyFailure, which is worth another try: a service of metadata is not there yet, or busy */
async function ask({ exchange }: SnsMessage, call: HttpCall): Promise<string> {
  const careful = { needsBody: true, hidesAnswer: true, timeoutMs: METADATA_MS };
  try {
    return (await exchange.request({ ...call, ...careful })).text.trim();
  } catch (error) {
    throw error instanceof NotifyFailure ? new NotifyFailure({ ...error.outcome, retry: true }) : error;
  }
}

function isContainerHost(host: string): boolean {
  return CONTAINER_HOSTS.includes(host) || (isIP(host) === 4 && host.startsWith('127.'));
}

/** @throws Error where its file cannot be read */
async function containerToken(env: Environment): Promise<string> {
  const file = env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE;
  return file ? (await readFile(file, 'utf8')).trim() : (env.AWS_CONTAINER_AUTHORIZATION_TOKEN ?? '');
}

/** Credentials of the role that a machine on EC2 has (IMDSv2, where it is refused its first version). @throws NotifyFailure */
export async function machineCredentials(message: SnsMessage, env: Environment): Promise<AwsCredentials> {
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') {
    throw awsFailure('no AWS credentials in sns.sigv4, the environment, the shared files or a container');
  }
  const base = env.AWS_EC2_METADATA_SERVICE_ENDPOINT?.replace(/\/+$/, '') || MACHINE;
  const lifetime = { 'x-aws-ec2-metadata-token-ttl-seconds': MACHINE_TOKEN_SECONDS };
  const tokenUrl = `${base}/latest/api/token`;
  const token = await ask(message, { url: tokenUrl, method: 'PUT', headers: lifetime }).catch(unlessRefused);
  message.exchange.talk.mask.add(token);
  const headers: Record<string, string> = token === '' ? {} : { 'x-aws-ec2-metadata-token': token };
  const roles = `${base}/latest/meta-data/iam/security-credentials/`;
  const [role] = (await ask(message, { url: roles, method: 'GET', headers }).catch(asNoRole)).split('\n');
  if (role === '') throw awsFailure('no EC2 IMDS role found');
  const answer = await ask(message, { url: roles + encodeURIComponent(role.trim()), method: 'GET', headers });
  return credentialsIn(message, answer, 'the machine');
}

/** A service of the first version does not know of tokens; one that does not answer need not be asked again. */
function unlessRefused(error: unknown): string {
  if (error instanceof NotifyFailure && /^unexpected status code (?:403|404|405)\b/.test(error.message)) return '';
  return asNoRole(error);
}

function asNoRole(error: unknown): never {
  throw error instanceof NotifyFailure
    ? error.within('no AWS credentials in sns.sigv4, the environment or the shared files, no EC2 IMDS role found: ')
    : error;
}

/** @throws NotifyFailure */
function credentialsIn(message: SnsMessage, text: string, whose: string): AwsCredentials {
  const answer = parseJsonObject(text) ?? {};
  const { AccessKeyId: id, SecretAccessKey: secret, Token: token, Code: code = 'Success' } = answer;
  if (code !== 'Success' || typeof id !== 'string' || typeof secret !== 'string') {
    throw awsFailure(`${whose} has no AWS credentials: ${String(answer.Message ?? answer.message ?? code)}`);
  }
  const sessionToken = typeof token === 'string' ? token : undefined;
  return keepSecret(message, { accessKeyId: id, secretAccessKey: secret, sessionToken });
}
