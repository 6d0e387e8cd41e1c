import { NotifyFailure } from '../failure.ts';
import type { AwsCredentials } from './sigv4.ts';
import type { SnsMessage } from './sns.ts';

/** Where a service of AWS is asked. */
export function awsAddress(service: string, region: string): URL {
  return new URL(`https://${service}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`);
}

/** That we cannot say to AWS who we are. */
export function awsFailure(reason: string): NotifyFailure {
  return new NotifyFailure({ kind: 'failed', reason, retry: true, category: 'other' });
}

/** Keeps what is secret of credentials out of what is told. */
export function keepSecret({ exchange }: SnsMessage, credentials: AwsCredentials): AwsCredentials {
  exchange.talk.mask.add(credentials.secretAccessKey);
  if (credentials.sessionToken) exchange.talk.mask.add(credentials.sessionToken);
  return credentials;
}
