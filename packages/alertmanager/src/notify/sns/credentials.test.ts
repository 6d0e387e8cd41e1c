import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Authority, hasOpenssl } from '../../../../../tests/support/certificates.ts';
import { ServiceStage } from '../testing-integration.ts';
import type { ServiceAnswer, ServiceRequest } from '../testing-services.ts';

const stage = new ServiceStage();
beforeAll(async () => {
  if (hasOpenssl) await stage.start((directory) => new Authority(directory, 'services'));
});
afterAll(async () => {
  if (hasOpenssl) await stage.stop();
});
afterEach(() => vi.unstubAllEnvs());

const MACHINE = 'http://169.254.169.254/latest';
const ROLES = `${MACHINE}/meta-data/iam/security-credentials/`;
const SNS = 'https://sns.eu-west-1.amazonaws.com/';
const STS = 'https://sts.eu-west-1.amazonaws.com/';
const answered = (id: string) =>
  JSON.stringify({ Code: 'Success', AccessKeyId: id, SecretAccessKey: 'hidden1', Token: 'hidden2' });

/** What AWS's metadata services and STS answer; anything else takes the message. */
function aws(changes: Readonly<Record<string, ServiceAnswer>> = {}): (request: ServiceRequest) => ServiceAnswer {
  const answers: Readonly<Record<string, ServiceAnswer>> = {
    [`${MACHINE}/api/token`]: { body: 'hidden3' },
    [ROLES]: { body: 'web-role\n' },
    [`${ROLES}web-role`]: { body: answered('MACHINE') },
    'http://169.254.170.2/v2/task': { body: answered('TASK') },
    'http://169.254.170.23/v1/credentials': { body: answered('POD') },
    ...changes,
  };
  return (request) => {
    if (!request.url.startsWith('https://sts')) return answers[request.url] ?? stage.content(request);
    const role = new URLSearchParams(request.body).get('RoleArn');
    const keys = `<AccessKeyId>${role}</AccessKeyId><SecretAccessKey>hidden4</SecretAccessKey><SessionToken>hidden5</SessionToken>`;
    return { body: `<Credentials>${keys}</Credentials>` };
  };
}

interface Situation {
  readonly sigv4?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly answer?: (request: ServiceRequest) => ServiceAnswer;
}

/** Who tells SNS, and who was asked before. */
async function publish({ sigv4 = '{region: eu-west-1}', env = {}, answer = aws() }: Situation) {
  const files = { AWS_SHARED_CREDENTIALS_FILE: '/none', AWS_CONFIG_FILE: '/none', AWS_PROFILE: '' };
  const none = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_REGION', 'AWS_DEFAULT_REGION'];
  for (const name of none) vi.stubEnv(name, '');
  for (const [name, value] of Object.entries({ ...files, ...env })) vi.stubEnv(name, value);
  const { requests, outcome, talk } = await stage.attempt(stage.custom('sns', `{sigv4: ${sigv4}, topic_arn: t}`), {
    answer,
  });
  const told = requests.find(({ url }) => url.startsWith('https://sns'));
  expect(talk.join('\n')).not.toMatch(/hidden\d/);
  const signer = /Credential=([^/]*)/.exec(told?.headers.authorization ?? '')?.[1];
  const region = told && /https:\/\/sns\.([^.]*)/.exec(told.url)?.[1];
  return { outcome, signer, region, asked: requests.map(({ method, url }) => `${method} ${url}`), requests, told };
}

function filesWith(credentials: string, config = ''): Readonly<Record<string, string>> {
  const AWS_SHARED_CREDENTIALS_FILE = join(stage.directory, 'credentials');
  const AWS_CONFIG_FILE = join(stage.directory, 'config');
  writeFileSync(AWS_SHARED_CREDENTIALS_FILE, credentials);
  writeFileSync(AWS_CONFIG_FILE, config);
  return { AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE };
}

const KEYS = { AWS_ACCESS_KEY_ID: 'E', AWS_SECRET_ACCESS_KEY: 'hidden6' };

describe.skipIf(!hasOpenssl)('who we are for AWS (needs openssl)', () => {
  test.each<[string, Situation['sigv4'], Readonly<Record<string, string>>, string, string]>([
    ['the default profile', '{}', {}, 'eu-west-1', 'D'],
    ['the environment', '{}', { ...KEYS, AWS_REGION: 'eu-west-1' }, 'eu-west-1', 'E'],
    ['a profile that the configuration names', '{profile: ops}', KEYS, 'eu-west-1', 'O'],
    ['a profile that the environment names', '{region: eu-west-1}', { AWS_PROFILE: 'ops' }, 'eu-west-1', 'O'],
    ['the configuration', '{region: eu-west-1, access_key: C, secret_key: hidden7}', KEYS, 'eu-west-1', 'C'],
    ['a role of a profile', '{profile: acting}', {}, 'eu-west-1', 'arn:acting'],
    ['a role upon a role', '{profile: acting, role_arn: "arn:last"}', {}, 'eu-west-1', 'arn:last'],
  ])('%s', async (_what, sigv4, env, region, signer) => {
    const files = filesWith(
      '[default]\naws_access_key_id = D\naws_secret_access_key = hidden8\n[ops]\naws_access_key_id=O\naws_secret_access_key=hidden9\n',
      '[default]\nregion = eu-west-1\n[profile ops]\nregion=eu-west-1\n[profile acting]\nregion=eu-west-1\nrole_arn = arn:acting\nsource_profile = ops\nexternal_id = x1\n',
    );
    expect(await publish({ sigv4, env: { ...files, ...env } })).toMatchObject({
      ...{ region, signer },
      outcome: { kind: 'sent' },
    });
  });

  test('a machine on EC2, by the second version of its service and where need be by the first', async () => {
    const second = await publish({});
    expect(second.asked).toEqual([`PUT ${MACHINE}/api/token`, `GET ${ROLES}`, `GET ${ROLES}web-role`, `POST ${SNS}`]);
    expect(second.signer).toBe('MACHINE');
    expect(second.requests[0].headers['x-aws-ec2-metadata-token-ttl-seconds']).toBe('300');
    expect(second.requests[1].headers['x-aws-ec2-metadata-token']).toBe('hidden3');
    expect(second.told?.headers['x-amz-security-token']).toBe('hidden2');
    const first = await publish({ answer: aws({ [`${MACHINE}/api/token`]: { status: 404 } }) });
    expect([first.signer, first.requests[1].headers['x-aws-ec2-metadata-token']]).toEqual(['MACHINE', undefined]);
  });

  test('a task on ECS and a pod on EKS, with the token that the container has', async () => {
    const task = await publish({ env: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/task' } });
    expect([task.signer, task.asked.length]).toEqual(['TASK', 2]);
    const file = join(stage.directory, 'pod-token');
    writeFileSync(file, 'hidden10\n');
    const pod = await publish({
      env: {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials',
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file,
      },
    });
    expect([pod.signer, pod.requests[0].headers.authorization]).toEqual(['POD', 'hidden10']);
    const elsewhere = await publish({ env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://evil.test/v1' } });
    expect(elsewhere).toMatchObject({ asked: [], outcome: { reason: expect.stringContaining('only loopback') } });
  });

  test('a web identity, whose token goes to STS unsigned', async () => {
    const file = join(stage.directory, 'identity');
    writeFileSync(file, 'hidden11\n');
    const env = { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: 'arn:pod', AWS_ROLE_SESSION_NAME: 'me' };
    const { asked, requests, signer } = await publish({ env });
    expect([asked, signer]).toEqual([[`POST ${STS}`, `POST ${SNS}`], 'arn:pod']);
    expect(requests[0].headers.authorization).toBeUndefined();
    expect(Object.fromEntries(new URLSearchParams(requests[0].body))).toEqual({
      ...{ Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', RoleArn: 'arn:pod', RoleSessionName: 'me' },
      WebIdentityToken: 'hidden11',
    });
    const config = `[profile irsa]\nrole_arn = arn:irsa\nweb_identity_token_file = ${file}\n`;
    const byProfile = await publish({ sigv4: '{region: eu-west-1, profile: irsa}', env: filesWith('', config) });
    expect(byProfile.signer).toBe('arn:irsa');
  });

  test.each<[string, Situation, string]>([
    ['no region', { sigv4: '{}' }, 'region not configured'],
    ['no such profile', { sigv4: '{region: r, profile: x}' }, 'failed to get shared config profile, x'],
    ['no machine', { env: { AWS_EC2_METADATA_DISABLED: 'true' } }, 'no AWS credentials in sns.sigv4'],
    ['no role', { answer: aws({ [ROLES]: { status: 404 } }) }, 'no EC2 IMDS role found: unexpected status code 404'],
    [
      'a role that has gone',
      { answer: aws({ [`${ROLES}web-role`]: { body: '{"Code":"Failed","Message":"gone"}' } }) },
      'the machine has no AWS credentials: gone',
    ],
  ])('%s is told, and tried again', async (_what, situation, reason) => {
    const { outcome } = await publish(situation);
    expect(outcome).toMatchObject({ kind: 'failed', retry: true, reason: expect.stringContaining(reason) });
  });

  test('sources that are not supported are refused by name', async () => {
    for (const key of ['sso_session', 'credential_process']) {
      const { outcome } = await publish({ env: filesWith(`[default]\n${key} = x\n`) });
      expect(outcome).toMatchObject({ reason: `${key} of AWS's shared files is not supported` });
    }
  });
});
