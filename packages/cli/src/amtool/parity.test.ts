import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alertmanagerIsMissing, amtoolIsMissing, ours, Place, type Result, theirs } from './amtool-fixture.ts';

const CONFIG = `
route:
  receiver: ops
  group_by: [alertname]
  routes:
    - {matchers: [severity=critical], receiver: pager, continue: true}
    - match: {team: x}
      match_re: {a: b|c}
      receiver: team
      routes: [{matchers: ['z!~"q"', 'y!=p'], receiver: pager}]
receivers: [{name: ops}, {name: pager}, {name: team}]
`;
const TIMES = ['--start=2026-01-05T10:00:00+02:00', '--end=2099-01-05T10:00:00Z'];
const NOWHERE = '11111111-1111-1111-1111-111111111111';

let place: Place;

beforeAll(() => {
  place = new Place();
});

afterAll(() => place.end());

/** What versions after 0.25 say in this place: they draw trees with plain blanks, and know what mutes an alert. */
function today({ out, ...result }: Result): Result {
  return { ...result, out: out.replace(/\u00a0/g, ' ').replace(/"inhibitedBy":\[\],/g, '$&"mutedBy":null,') };
}

describe.skipIf(amtoolIsMissing)('the real amtool against our server (skipped where amtool is missing)', () => {
  let run: (...args: string[]) => Promise<string>;

  beforeAll(async () => {
    const { url } = await place.startOurs(CONFIG);
    run = async (...args) => {
      const { code, out, err } = await theirs([`--alertmanager.url=${url}`, '--no-version-check', ...args]);
      if (code !== 0) throw new Error(err);
      return out;
    };
  });

  test('alert add, alert query', async () => {
    await run('alert', 'add', 'Slow', 'job=x', '--annotation=summary="it is slow"', ...TIMES);
    const alerts = JSON.parse(await run('alert', 'query', 'Slow', '-o', 'json')) as unknown[];
    expect(alerts).toMatchObject([{ labels: { alertname: 'Slow', job: 'x' }, annotations: { summary: 'it is slow' } }]);
    expect(await run('alert', 'query', '--receiver=nobody')).toBe('Alertname  Starts At  Summary  State  \n');
    await expect(run('alert', 'query', 'x', 'a=~(')).rejects.toThrow('getAlertsBadRequest');
  });

  test('silence add, query, update, import, expire', async () => {
    const id = (await run('silence', 'add', 'job=~x|y', '--comment=c', '--author=me', ...TIMES)).trim();
    expect(await run('silence', 'query', '--created-by=me')).toContain(id);
    expect(await run('alert', 'query', '--silenced')).toContain('Slow');
    expect(await run('silence', 'update', '--comment=longer', '--duration=900000h', id)).toContain('longer');
    const file = place.file('silences.json', await run('silence', 'query', '-o', 'json'));
    expect((await run('silence', 'import', file)).trim()).toBe(id);
    const second = (await run('silence', 'import', '--force', file)).trim();
    expect(second).not.toBe(id);
    await run('silence', 'expire', id, second);
    expect(await run('silence', 'query', '-q')).toBe('');
    expect((await run('silence', 'query', '-q', '--expired', '--within=1h')).split('\n')).toContain(id);
    await expect(run('silence', 'update', NOWHERE)).rejects.toThrow('getSilenceNotFound');
  });

  test('config show, routes show, routes test, cluster show', async () => {
    expect(await run('config', 'show')).toContain('receiver: ops');
    expect(await run('config', 'routes', 'show')).toContain('{severity="critical"}  continue: true  receiver: pager');
    expect(await run('config', 'routes', 'test', 'severity=critical', 'team=x', 'a=c')).toBe('pager,pager\n');
    expect(await run('cluster', 'show')).toMatch(/^Cluster Status: {2}ready\nNode Name: {7}\S+\n$/);
    expect(JSON.parse(await run('cluster', 'show', '-o', 'json'))).toMatchObject({ status: 'ready' });
  });
});

/** A server that answers every request with the same, or never. */
async function serverSaying(body: unknown): Promise<string> {
  const server = createServer((_request, response) => {
    if (body !== undefined) response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  place.onEnd(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.skipIf(amtoolIsMissing)(
  'ours and the real amtool, of servers that are unlike ours (skipped where it is missing)',
  () => {
    const agree = async (url: string, ...args: string[]) => {
      const all = [`--alertmanager.url=${url}`, '--no-version-check', ...args];
      const mine = await ours(all);
      expect(mine).toEqual(await theirs(all));
      return mine;
    };

    test('peers are sorted by the bytes of their addresses, then by port', async () => {
      const addresses = [
        '[2001:db8::1]:9094',
        '10.0.0.9:9095',
        '10.0.0.9:999',
        '9.0.0.1:1',
        '[::1]:2',
        '[2001:db8:0:1::]:3',
      ];
      const peers = addresses.map((address, i) => ({ address, name: `peer${i}` }));
      const versions = ['branch', 'buildDate', 'buildUser', 'goVersion', 'revision', 'version'].map((key) => [
        key,
        'x',
      ]);
      const url = await serverSaying({
        cluster: { name: 'n', status: 'ready', peers },
        config: { original: '' },
        uptime: '2026-01-05T10:00:00.000Z',
        versionInfo: Object.fromEntries(versions),
      });
      for (const output of ['simple', 'extended', 'json']) await agree(url, 'cluster', '-o', output);
    });

    test('silences of servers that know no isEqual, with texts that a table cannot hold', async () => {
      const url = await serverSaying([
        {
          ...{ id: NOWHERE, status: { state: 'active' }, updatedAt: '2026-01-05T10:00:00Z' },
          ...{ startsAt: '2026-01-05T10:00:00.5+02:00', endsAt: '2099-01-05T10:00:00.25-03:30', createdBy: '' },
          matchers: [{ name: 'a', value: 'x "y" \\\n', isRegex: true }],
          comment: 'a\tb\n\nc\u000bd \u{1f600} e\u0301 <&>\u2028',
        },
      ]);
      for (const output of ['simple', 'extended', 'json']) await agree(url, 'silence', '-o', output);
    });

    test('one that does not answer in time', async () => {
      const { code, err } = await agree(
        await serverSaying(undefined),
        '--timeout=200ms',
        'silence',
        'a="~*b"',
        'c=d e',
      );
      expect([code, err]).toEqual([1, expect.stringContaining('context deadline exceeded')]);
    });
  },
);

const bothAreThere = !amtoolIsMissing && !alertmanagerIsMissing;

describe.runIf(bothAreThere)(
  'ours and the real amtool, of one real Alertmanager (skipped where one is missing)',
  () => {
    let url: string;
    const flags = () => [`--alertmanager.url=${url}`, '--no-version-check'];

    beforeAll(async () => {
      url = await place.startReal(CONFIG);
      const first = [
        'alert',
        'add',
        'Slow',
        'job=x',
        'severity=critical',
        '--annotation=summary="it <is> slöw"',
        ...TIMES,
      ];
      expect(await ours([...flags(), ...first, '--generator-url=http://p/g'])).toEqual({ code: 0, out: '', err: '' });
      const second = ['alert', 'add', 'alertname="Two words"', '--start=2026-01-06T10:00:00.5+05:45', TIMES[1]];
      expect(await ours([...flags(), ...second])).toEqual({ code: 0, out: '', err: '' });
      const silences = [
        [
          'silence',
          'add',
          'Quiet',
          'job!~x.y',
          '-c',
          'two\nlines\tand a tab',
          '-a',
          'mé',
          '--end=2098-01-01T00:00:00Z',
        ],
        ['silence', 'add', 'a=b', 'c!=d', 'e=~f|g', '-c', '<x>', '-a', 'me', ...TIMES],
        ['silence', 'add', 'later=1', '-c', 'y', '-a', 'me', '--start=2090-01-01T00:00:00+01:00', '-d', '2d'],
      ];
      for (const args of silences) {
        const { code, out } = await ours([...flags(), ...args]);
        expect([code, out]).toEqual([0, expect.stringMatching(/^[0-9a-f-]{36}\n$/)]);
      }
    });

    // what only asks says the same to the byte
    test.each([
      ...['simple', 'extended', 'json'].flatMap((output) => [
        ['alert', '-o', output],
        ['alert', 'query', '-o', output, '--silenced', '--inhibited', '-a', '-u'],
        ['silence', `-o${output}`],
        ['silence', 'query', '--output', output, 'Quiet'],
        ['cluster', '-o', output],
      ]),
      ['alert', 'query', 'Two words'],
      ['alert', 'job=x', 'severity=~crit.*'],
      ['alert', '--receiver=pager'],
      ['alert', '--receiver=nobody', '-o', 'json'],
      ['alert', '--date.format=Mon Jan _2 15:04:05.000 MST -0700 Z07:00 2006'],
      ['silence', 'query', '-q'],
      ['silence', 'query', '--within=1h'],
      ['silence', 'query', '--expired'],
      ['silence', 'query', '--created-by=me'],
      ['silence', 'query', 'a=b', 'c!=d'],
      ['config'],
      ['config', 'show', '-o', 'json'],
      ['config', 'routes'],
      ['config', 'routes', 'test', 'severity=critical', 'team=x', 'a=b'],
      ['config', 'routes', 'test', '--tree', 'severity=critical', 'team=x', 'a=b'],
      ['config', 'routes', 'test', '--verify.receivers=pager,pager', 'severity=critical', 'team=x', 'a=b'],
      ['config', 'routes', 'test', '--verify.receivers=ops', 'severity=critical'],
    ])('%j %j %j %j', async (...args) => {
      const real = await theirs([...flags(), ...args]);
      expect(await ours([...flags(), ...args])).toEqual(today(real));
    });

    // nothing is asked, or it is refused in the same words
    test.each([
      ['foo'],
      ['template'],
      ['config', 'nope'],
      ['--bogus'],
      ['alert', '--bogus'],
      ['silence', '--comment=x', 'add', 'a'],
      ['-x'],
      ['silence', 'expire', '--alertmanager.url'],
      ['--timeout=x', 'alert'],
      ['--output', 'yaml', 'alert'],
      ['--http.config.file=nofile', 'alert'],
      ['alert', 'add', 'a', 'b!=c'],
      ['alert', 'add', 'a', '--annotation=b'],
      ['alert', 'add', 'a', '--start=x'],
      ['silence', 'add', 'a'],
      ['silence', 'add', '-c', 'x'],
      ['silence', 'add', 'a', '-c', 'x', '-d', '0'],
      ['silence', 'add', 'a', '-c', 'x', '--end=2020-01-01T00:00:00Z'],
      ['silence', 'add', 'a', 'b=~(', '-c', 'x'],
      ['silence', 'expire'],
      ['silence', 'update'],
      ['silence', 'query', '--within=x'],
      ['silence', 'import', 'nofile'],
      ['check-config', 'nofile'],
      ['template', 'render', '--template.glob=x', '--template.text=y', '--template.type=z'],
      ['template', 'render', '--template.glob=x', '--template.text={{.Nope}}'],
    ])('complaint: %j %j %j %j', async (...args) => {
      const [mine, real] = [await ours([...flags(), ...args]), await theirs([...flags(), ...args])];
      expect(mine).toEqual(real);
      expect(mine.code).toBe(1);
    });

    test('silences are changed, imported and ended alike', async () => {
      const add = ['silence', 'add', 'changing=1', '-c', 'c', '-a', 'me', '--end=2097-01-01T00:00:00Z', ...flags()];
      const [mine, real] = [(await ours(add)).out.trim(), (await theirs(add)).out.trim()];
      const update = (id: string) => ['silence', 'update', id, '--end=2096-01-01T00:00:00Z', '-c', 'new', ...flags()];
      const [updated, known] = [await ours(update(mine)), await theirs(update(real))];
      expect(updated.out.replace(/[0-9a-f-]{36}/, '')).toBe(known.out.replace(/[0-9a-f-]{36}/, ''));
      const json = (await ours(['silence', '-ojson', 'changing=1', ...flags()])).out;
      const again = await ours(['silence', 'import', ...flags()], { stdin: () => json });
      expect([again.code, again.out.trim().split('\n').sort()]).toEqual([0, [mine, real].sort()]);
      const unknown = json.replaceAll(/"id":"[0-9a-f]{8}/g, '"id":"00000000');
      const added = await ours(['silence', 'import', '-w1', ...flags()], { stdin: () => unknown });
      const ids = [mine, real, ...added.out.trim().split('\n')];
      expect([added.code, new Set(ids).size]).toEqual([0, 4]);
      expect(await ours(['silence', 'expire', ...ids, ...flags()])).toEqual({ code: 0, out: '', err: '' });
      const left = await ours(['silence', 'query', '--expired', '-q', 'changing=1', ...flags()]);
      expect(left.out.trim().split('\n').sort()).toEqual([...ids].sort());
    });

    test('check-config and template render say the same', async () => {
      const files = [
        place.file('good.yml', `${CONFIG}templates: ['none/*.tmpl']\n`),
        place.file('none.yml', 'route: {receiver: a}\nreceivers: [{name: a}]\n'),
      ];
      expect(await ours(['check-config', ...files])).toEqual(await theirs(['check-config', ...files]));
      const piped = await ours(['check-config'], { stdin: () => CONFIG });
      expect(piped).toEqual(await theirs(['check-config'], place.file('piped.yml', CONFIG)));
      const bad = place.file('bad.yml', 'route: {receiver: b}\nreceivers: [{name: a}]\n');
      const [mine, real] = [await ours(['check-config', bad]), await theirs(['check-config', bad])];
      expect([mine.code, mine.err]).toEqual([real.code, real.err]);
      expect(mine.out).toContain("bad.yml'  FAILED: ");
      const file = place.file(
        'own.tmpl',
        '{{ define "own" }}{{ .Status }} {{ range .Alerts }}{{ range .Labels.SortedPairs }}{{ .Name }}={{ .Value }};{{ end }}{{ end }}{{ end }}',
      );
      const data = place.file('data.json', JSON.stringify({ status: 'x', alerts: [{ labels: { a: '<b>' } }] }));
      for (const more of [[], ['--template.type=html'], [`--template.data=${data}`, '--template.type=html']]) {
        const args = [
          'template',
          'render',
          `--template.glob=${file}`,
          '--template.text={{ template "own" . }}',
          ...more,
        ];
        expect(await ours(args)).toEqual(await theirs(args));
      }
    });
  },
);
