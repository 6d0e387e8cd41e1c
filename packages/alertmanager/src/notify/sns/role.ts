import { randomUUID } from 'node:crypto';
import type { AwsSettings } from './credentials.ts';
import { type AwsCredentials, signAws } from './sigv4.ts';
import type { SnsMessage } from './sns.ts';

/** Credentials of the role that the configuration names, from AWS STS. @throws NotifyFailure */
export async function assumeRole(
  { config, exchange }: SnsMessage,
  { region, credentials }: AwsSettings,
  endpoint = stsEndpoint(config.sigv4.use_fips_sts_endpoint, region),
): Promise<AwsCredentials> {
  const { role_arn, external_id } = config.sigv4;
  const form = new URLSearchParams({
    Action: 'AssumeRole',
    Version: '2011-06-15',
    RoleArn: role_arn,
    RoleSessionName: `avalanche-${randomUUID()}`,
    ...(external_id === '' ? {} : { ExternalId: external_id }),
  });
  const url = new URL(endpoint);
  const body = form.toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const request = { method: 'POST', url, headers, body, region, service: 'sts', now: Date.now() };
  const signed = signAws(request, credentials as AwsCredentials);
  const answer = await exchange.request({ url: url.href, body, headers: signed, needsBody: true, hidesAnswer: true });
  const field = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(answer.text)?.[1] ?? '';
  const role = {
    accessKeyId: field('AccessKeyId'),
    secretAccessKey: field('SecretAccessKey'),
    sessionToken: field('SessionToken'),
  };
  if (role.accessKeyId === '') throw exchange.failure('AWS STS gave no credentials for the role', true, 'authError');
  for (const secret of [role.secretAccessKey, role.sessionToken]) exchange.talk.mask.add(secret);
  return role;
}

function stsEndpoint(isFips: boolean, region: string): string {
  return `https://sts${isFips ? '-fips' : ''}.${region}.amazonaws.com/`;
}
