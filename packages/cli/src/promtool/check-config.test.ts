import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ours, promtoolIsMissing, theirs } from './promtool-fixture.ts';

const directory = mkdtempSync(join(tmpdir(), 'avalanche-check-'));
const file = (name: string) => join(directory, name);
const FILES: Readonly<Record<string, string>> = {
  'plain.yml': 'scrape_configs: [{job_name: a, static_configs: [{targets: ["x:1"]}]}]',
  'rules.yml': 'rule_files: [good.rules.yml]',
  'bad-rules.yml': 'rule_files: [bad.rules.yml]',
  'duplicates.yml': 'rule_files: [twice.rules.yml]',
  'no-rules.yml': 'rule_files: [nowhere.yml]',
  'credentials.yml': 'scrape_configs: [{job_name: a, authorization: {credentials_file: nowhere}}]',
  'cert.yml': 'scrape_configs: [{job_name: a, tls_config: {cert_file: nowhere, key_file: nowhere}}]',
  'targets.yml': 'scrape_configs: [{job_name: a, file_sd_configs: [{files: [good.json, "missing-*.json"]}]}]',
  'bad-targets.yml': 'scrape_configs: [{job_name: a, file_sd_configs: [{files: [bad.json]}]}]',
  'url-targets.yml': 'scrape_configs: [{job_name: a, file_sd_configs: [{files: [url.json]}]}]',
  'unknown.yml': 'nonsense: 1',
  'rare.yml': 'scrape_configs: [{job_name: a, scrape_interval: 10m}]',
  'good.rules.yml': 'groups: [{name: g, rules: [{record: a, expr: b}]}]',
  'bad.rules.yml': 'groups: [{name: g, rules: [{record: a, expr: "b("}]}]',
  'twice.rules.yml': 'groups: [{name: g, rules: [{record: a, expr: b}, {record: a, expr: c}]}]',
  'good.json': '[{"targets": ["x:1"]}]',
  'bad.json': '[{"targets": "x:1"}]',
  'url.json': '[{"targets": ["http://x:1"]}]',
  'users.yml': 'basic_auth_users: {a: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}',
  'bad-users.yml': 'basic_auth_users: {a: secret}',
};
beforeAll(() => {
  for (const [name, text] of Object.entries(FILES)) writeFileSync(file(name), `${text}\n`);
});
afterAll(() => rmSync(directory, { recursive: true }));

async function promtool(...args: string[]) {
  const { code, out, err } = await ours(...args);
  return { code, out: out.replaceAll(`${directory}/`, ''), err: err.replaceAll(`${directory}/`, '') };
}

describe('check config', () => {
  test('tells what it has found', async () => {
    expect(await promtool('check', 'config', file('rules.yml'))).toEqual({
      code: 0,
      out: `Checking rules.yml
  SUCCESS: 1 rule files found
 SUCCESS: rules.yml is valid prometheus config file syntax

Checking good.rules.yml
  SUCCESS: 1 rules found

`,
      err: '',
    });
  });

  test.each([
    ['unknown.yml', 'FAILED: unknown.yml:1: nonsense: unknown key'],
    ['no-rules.yml', 'FAILED: "nowhere.yml" does not point to an existing file'],
    [
      'credentials.yml',
      'FAILED: error checking authorization credentials or bearer token file "nowhere": stat nowhere: no such file or directory',
    ],
    ['cert.yml', 'FAILED: error checking client cert file "nowhere": stat nowhere: no such file or directory'],
    ['bad-targets.yml', 'FAILED: bad.json:1: [0].targets'],
    ['url-targets.yml', 'FAILED: instance 0 in group : "http://x:1" is not a valid hostname'],
  ])('%s is refused, but for its syntax', async (name, message) => {
    const { code, err } = await promtool('check', 'config', file(name));
    expect([code, err]).toEqual([1, expect.stringContaining(message)]);
    const syntax = await promtool('check', 'config', '--syntax-only', file(name));
    expect(syntax.code).toBe(name === 'unknown.yml' ? 1 : 0);
  });

  test('lint is told, and ends with 3 where it is fatal', async () => {
    expect((await promtool('check', 'config', file('duplicates.yml'))).code).toBe(0);
    expect((await promtool('check', 'config', '--lint-fatal', file('duplicates.yml'))).code).toBe(3);
    expect((await promtool('check', 'config', '--lint-fatal', '--lint=none', file('duplicates.yml'))).code).toBe(0);
    const rare = await promtool('check', 'config', '--lint-fatal', '--lint=too-long-scrape-interval', file('rare.yml'));
    expect([rare.code, rare.err]).toEqual([
      3,
      '  FAILED: too long scrape interval found, data point will be marked as stale - job: a, interval: 10m\n',
    ]);
  });

  test.skipIf(promtoolIsMissing).each(Object.keys(FILES).filter((name) => /^[a-z-]+\.yml$/.test(name)))(
    'the original gives %s the same verdict (needs promtool)',
    async (name) => {
      const what = name.endsWith('users.yml') ? 'web-config' : 'config';
      expect((await promtool('check', what, file(name))).code).toBe(theirs('check', what, file(name)).code);
    },
  );
});

test('check web-config tells of each file', async () => {
  expect(await promtool('check', 'web-config', file('users.yml'), file('bad-users.yml'))).toEqual({
    code: 1,
    out: '',
    err: 'users.yml SUCCESS\nbad-users.yml FAILED: crypto/bcrypt: hashedSecret too short to be a bcrypted password\n',
  });
});

test('check healthy and ready ask the server', async () => {
  const server = createServer((request, response) => {
    const healthy = request.url === '/pre/-/healthy' && request.headers.authorization === 'Bearer b';
    response.writeHead(healthy ? 200 : 503).end('Fine.');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/pre/`;
  writeFileSync(file('client.yml'), 'bearer_token: b');
  try {
    expect(await promtool('check', 'healthy', `--url=${url}`, `--http.config.file=${file('client.yml')}`)).toEqual({
      code: 0,
      out: '',
      err: '  SUCCESS:  Fine.\n',
    });
    const { code, err } = await promtool('check', 'ready', `--url=${url}`);
    expect([code, err]).toEqual([1, `check failed: URL=${url.slice(0, -1)}, status=503\n`]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test.each([
  ['alerting: {alertmanagers: [{static_configs: [{targets: [a]}]}]}', 'alerting'],
  ['rule_files: [x.yml]', 'rule_files'],
  ['remote_read: [{url: "http://x"}]', 'remote_read'],
])('an agent cannot have %s', async (text, field) => {
  const path = join(directory, 'agent.yml');
  writeFileSync(path, text);
  const { code, err } = await promtool('check', 'config', '--agent', path);
  expect([code, err]).toEqual([1, `  FAILED: field ${field} is not allowed in agent mode\n`]);
});
