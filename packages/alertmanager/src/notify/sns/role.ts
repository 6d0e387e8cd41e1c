import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { awsAddress, keepSecret } from './aws.ts';
import { type AwsCredentials, signAws } from './sigv4.ts';
import type { SnsMessage } from './sns.ts';

/** Whom to be. */
export interface AwsRole {
  readonly arn: string;
  readonly externalId: string;
  /** By which name AWS shows us; one is made up where it is ''. */
  readonly sessionName: string;
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** Credentials of a role, from AWS STS. @throws NotifyFailure */
export async function assumeRole(
  message: SnsMessage,
  role: AwsRole,
  region: string,
  credentials: AwsCredentials,
): Promise<AwsCredentials> {
  const { externalId } = role;
  const form = formOf('AssumeRole', role, externalId === '' ? {} : { ExternalId: externalId });
  const url = stsUrl(message, region);
  const body = form.toString();
  const request = { method: 'POST', url, headers: FORM, body, region, service: 'sts', now: Date.now() };
  return askSts(message, url, body, signAws(request, credentials));
}

/** Credentials of the role that a token in a file stands for, as Kubernetes gives one to each pod. @throws NotifyFailure, Error */
export async function assumeRoleWithWebIdentity(
  message: SnsMessage,
  role: AwsRole,
  region: string,
  tokenFile: string,
): Promise<AwsCredentials> {
  const token = (await readFile(tokenFile, 'utf8')).trim();
  message.exchange.talk.mask.add(token);
  const form = formOf('AssumeRoleWithWebIdentity', role, { WebIdentityToken: token });
  return askSts(message, stsUrl(message, region), form.toString(), FORM);
}

function formOf(action: string, { arn, sessionName }: AwsRole, more: Readonly<Record<string, string>>) {
  const name = sessionName || `avalanche-${randomUUID()}`;
  return new URLSearchParams({
    ...{ Action: action, Version: '2011-06-15', RoleArn: arn, RoleSessionName: name },
    ...more,
  });
}

async function askSts(
  message: SnsMessage,
  url: URL,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<AwsCredentials> {
  const { exchange } = message;
  const answer = await exchange.request({ url: url.href, body, headers, needsBody: true, hidesAnswer: true });
  const field = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(answer.text)?.[1] ?? '';
  const accessKeyId = field('AccessKeyId');
  if (accessKeyId === '') throw exchange.failure('AWS STS gave no credentials for the role', true, 'authError');
  const [secretAccessKey, sessionToken] = [field('SecretAccessKey'), field('SessionToken')];
  return keepSecret(message, { accessKeyId, secretAccessKey, sessionToken });
}

function stsUrl({ config }: SnsMessage, region: string): URL {
  return awsAddress(config.sigv4.use_fips_sts_endpoint ? 'sts-fips' : 'sts', region);
}
