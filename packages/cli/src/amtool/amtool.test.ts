import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ours, Place } from './amtool-fixture.ts';

const CONFIG = 'route: {receiver: ops, group_wait: 1h}\nreceivers: [{name: ops}]\n';

let place: Place;
let url: string;

beforeEach(async () => {
  place = new Place();
  ({ url } = await place.startOurs(CONFIG));
});

afterEach(() => place.end());

function run(...args: string[]) {
  return ours([...args, `--alertmanager.url=${url}`]);
}

function settings(text: string): void {
  const file = join(place.directory, '.config/amtool/config.yml');
  mkdirSync(dirname(file), { recursive: true });
  place.file('.config/amtool/config.yml', text);
}

test('a silence that keeps everything quiet is asked about at a terminal, and warned of in a script', async () => {
  await run('alert', 'add', 'A');
  await run('alert', 'add', 'B');
  const args = ['silence', 'add', 'alertname=~".+"', '-c', 'x', `--alertmanager.url=${url}`];
  const told = 'This silences 2 of 2 alerts that fire now and 2 of 2 of the last 24 hours, on 1 of 1 routes.';
  const questions: string[] = [];
  const answering = (answer: string) => ({
    ask: async (question: string) => {
      questions.push(question);
      return answer;
    },
  });
  expect(await ours(args, answering(''))).toEqual({ code: 1, out: '', err: 'amtool: error: nothing is silenced\n\n' });
  expect(questions).toEqual([`${told} Continue? [y/N] `]);
  expect((await run('silence', '-q')).out).toBe('');
  expect(await ours(args, answering('y'))).toMatchObject({ code: 0, err: '' });
  expect(await ours(args)).toMatchObject({ code: 0, err: `Warning: ${told}\n` });
  expect((await run('silence', '-q')).out.trim().split('\n')).toHaveLength(2);
  // one that leaves something is not asked about
  const narrow = await ours(['silence', 'add', 'A', '-c', 'x', `--alertmanager.url=${url}`], answering('n'));
  expect(narrow).toMatchObject({ code: 0, err: '' });
});

test('flags come from the file of the user, and the command line goes before it', async () => {
  settings(`alertmanager.url: ${url}\nauthor: file\ncomment_required: false\noutput: json\n`);
  const id = (await ours(['silence', 'add', 'A'])).out.trim();
  expect(JSON.parse((await ours(['silence'])).out)).toMatchObject([{ id, createdBy: 'file', comment: '' }]);
  expect((await ours(['silence', '-osimple'])).out).toContain('Created By');
  settings('alertmanager.url: {a: b}\n');
  const { code, err } = await ours(['silence']);
  expect([code, err]).toEqual([
    1,
    expect.stringMatching(/^amtool: error: could not load config file: .*config\.yml: yaml:/),
  ]);
});

test('without an address nothing is asked', async () => {
  for (const args of [['alert'], ['silence', 'add', 'x'], ['config'], ['cluster']]) {
    const err = 'amtool: error: required flag --alertmanager.url not provided\n';
    expect(await ours(args)).toEqual({ code: 1, out: '', err });
  }
  const routes = 'amtool: error: You have to specify one of --config.file or --alertmanager.url flags.\n';
  expect(await ours(['config', 'routes'])).toEqual({ code: 1, out: '', err: routes });
});

test('what the server refuses is told with its reason', async () => {
  const unknown = '11111111-1111-1111-1111-111111111111';
  const refused: readonly (readonly [string[], string])[] = [
    [['alert', 'add'], '[POST /alerts][400] postAlertsBadRequest "at least one label pair required"'],
    [['silence', 'expire', unknown], '[DELETE /silence/{silenceID}][404] deleteSilenceNotFound'],
    [['silence', 'update', unknown], '[GET /silence/{silenceID}][404] getSilenceNotFound'],
    [['silence', 'expire', 'x'], '[DELETE /silence/{silenceID}] deleteSilence (status 422): {"code":601,'],
  ];
  for (const [args, message] of refused) {
    const { code, err } = await run(...args);
    expect([code, err]).toEqual([1, expect.stringContaining(`amtool: error: ${message}`)]);
  }
});

test.each([
  ['', 'EOF'],
  ['[{"comment": "a"}', 'JSON'],
  ['{"id": "a"}', 'a list of silences is wanted'],
  ['[{"comment": "a"}, 3]', '3 is no silence'],
])('an import of %j changes nothing', async (text, reason) => {
  const { code, out, err } = await ours(['silence', 'import', `--alertmanager.url=${url}`], { stdin: () => text });
  expect([code, out]).toEqual([1, '']);
  expect(err).toMatch(/^amtool: error: couldn't unmarshal input data, is it JSON\?: /);
  expect(err).toContain(reason);
  expect((await run('silence', '-q')).out).toBe('');
});

test('an import goes on after a silence that is refused, and says how many were', async () => {
  const matchers = [{ name: 'a', value: 'b', isRegex: false }];
  const good = {
    comment: 'c',
    createdBy: 'me',
    startsAt: '2026-01-01T00:00:00Z',
    endsAt: '2099-01-01T00:00:00Z',
    matchers,
  };
  const text = JSON.stringify([{ ...good, id: 'x', endsAt: undefined }, good]);
  const { code, out, err } = await ours(['silence', 'import', `--alertmanager.url=${url}`], { stdin: () => text });
  expect([code, out]).toEqual([1, expect.stringMatching(/^[0-9a-f-]{36}\n$/)]);
  expect(err).toMatch(/^Error adding silence id='x': .*\namtool: error: couldn't import 1 out of 2 silences\n\n$/);
});

test('check-config names file, line and key, and a template that is broken', async () => {
  const bad = place.file('bad.yml', 'route:\n  receiver: ops\n  group_wiat: 5s\nreceivers: [{name: ops}]\n');
  const wrong = await ours(['check-config', bad]);
  expect(wrong.out).toBe(`Checking '${bad}'  FAILED: ${bad}:3: route.group_wiat: unknown key\n\n`);
  expect(wrong).toMatchObject({ code: 1, err: 'amtool: error: failed to validate 1 file(s)\n\n' });
  place.file('broken.tmpl', '{{ define "x" }}{{ end');
  const file = place.file('templates.yml', `${CONFIG}templates: [broken.tmpl]\n`);
  const broken = await ours(['check-config', file]);
  expect(broken.out).toMatch(/SUCCESS\nFound:\n[\s\S]* - 1 templates\n {2}FAILED: .*broken\.tmpl: /);
  expect(broken.code).toBe(1);
});

test('features choose how matchers are read', async () => {
  const add = (...more: string[]) => run('silence', 'add', '"a name"=x', '-c', 'x', '-o', 'json', ...more);
  expect(await add()).toMatchObject({ code: 0 });
  expect((await run('silence')).out).toContain('"a name"="x"');
  await add('--enable-feature=classic-mode');
  expect((await run('silence')).out).toContain('alertname="\\"a name\\"=x"');
  const { code, err } = await add('--enable-feature=nope');
  expect([code, err]).toEqual([1, expect.stringContaining("unknown option 'nope' for --enable-feature")]);
});

test('a user is told to the server by the address or by a file, not by both', async () => {
  const seen: (string | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    seen.push(headers.authorization);
    response.writeHead(401).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  place.onEnd(() => new Promise((resolve) => server.close(resolve)));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const file = place.file('http.yml', 'authorization: {credentials_file: token}\n');
  place.file('token', 'abc');
  const byAddress = await ours(['cluster', `--alertmanager.url=http://me:pass@${host}`]);
  expect(byAddress.err).toBe('amtool: error: [GET /status] getStatus (status 401): {}\n\n');
  await ours(['cluster', `--alertmanager.url=${host}`, `--http.config.file=${file}`]);
  expect(seen).toEqual([`Basic ${Buffer.from('me:pass').toString('base64')}`, 'Bearer abc']);
  const both = await ours(['cluster', `--alertmanager.url=http://me:pass@${host}`, `--http.config.file=${file}`]);
  expect(both.err).toBe('amtool: error: basic authentication and http.config.file are mutually exclusive\n');
  expect(seen).toHaveLength(2);
});
