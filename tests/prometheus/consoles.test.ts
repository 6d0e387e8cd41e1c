import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BothPrometheus, hasBoth, startBothPrometheus } from '../support/both-prometheus.ts';

const examples = '/usr/share/doc/prometheus/examples';
const shared = mkdtempSync(join(tmpdir(), 'consoles-'));
afterAll(() => rmSync(shared, { recursive: true }));

const PAGES: Readonly<Record<string, string>> = {
  'query.html': '<b>{{ range query "m" | sortByLabel "i" }}{{ .Labels.i }}={{ . | value }};{{ end }}</b>',
  'params.html':
    '<a title="{{ $params.q }}" href="/x?q={{ $params.q }}">{{ $rawParams.q }} {{ $path }} {{ $externalLabels.site }}</a>',
  'shared.html': '{{ template "own_head" "<x>" }}{{ tmpl "number" 1234567.0 }}{{ pathPrefix }}',
  'none.html': '{{ query "m{i=\'9\'}" | first | value }}',
  'broken.html': '{{ if }}',
  'failing.html': '{{ query "m{" }}',
};
const OWN_LIB =
  '{{ define "own_head" }}<head title="{{ . }}"></head>{{ end }}{{ define "number" }}<i>{{ humanize . }}</i>{{ end }}';

describe.skipIf(!hasBoth)('console templates beside the real ones (needs prometheus and promtool)', () => {
  let both: BothPrometheus;
  let own: BothPrometheus;

  beforeAll(async () => {
    const now = Math.floor(Date.now() / 1000);
    const openmetrics = ['1', '2'].map((i) => `m{i="${i}"} ${i}.5 ${now - 30}\nm{i="${i}"} ${i}.5 ${now}\n`).join('');
    mkdirSync(join(shared, 'pages', 'folder'), { recursive: true });
    mkdirSync(join(shared, 'lib'));
    for (const [name, text] of Object.entries(PAGES)) writeFileSync(join(shared, 'pages', name), text);
    writeFileSync(join(shared, 'lib', 'own.lib'), OWN_LIB);
    const start = (templates: string, libraries: string) =>
      startBothPrometheus({
        openmetrics,
        exposition: '',
        rules: 'groups: []\n',
        config: () => ({ global: { external_labels: { site: 'lab' } } }),
        flags: [
          `--web.console.templates=${templates}`,
          `--web.console.libraries=${libraries}`,
          '--web.external-url=http://example.org/',
        ],
        options: {
          externalUrl: 'http://example.org',
          web: { consoleTemplates: templates, consoleLibraries: libraries },
        },
      });
    own = await start(join(shared, 'pages'), join(shared, 'lib'));
    both = await start(join(examples, 'consoles'), join(examples, 'console_libraries'));
  });
  afterAll(async () => {
    await own?.stop();
    await both?.stop();
  });

  async function answer(url: string, path: string) {
    const response = await fetch(`${url}/consoles/${path}`);
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
  }

  test.each([
    'query.html',
    'params.html?q=%3Cb%3E%22%20%26&q=2',
    'shared.html',
    'none.html',
    'failing.html',
    'missing.html',
  ])('%s is the same', async (path) => {
    expect(await answer(own.ours, path)).toEqual(await answer(own.theirs, path));
  });

  test.each(['..%2f..%2fprometheus.yml', '%2e%2e%2fprometheus.yml'])('%s leads nowhere', async (path) => {
    expect((await answer(own.ours, path)).status).toBe(404);
  });

  test('a template that cannot be read is told, and so is a folder', async () => {
    for (const path of ['broken.html', 'folder']) {
      const [ours, theirs] = await Promise.all([own.ours, own.theirs].map((url) => answer(url, path)));
      expect([ours.status, ours.type]).toEqual([theirs.status, theirs.type]);
    }
    expect((await answer(own.ours, 'broken.html')).text).toMatch(/^error parsing template __console_\/broken.html: /);
  });

  const pages = existsSync(join(examples, 'consoles')) ? readdirSync(join(examples, 'consoles')) : [];
  test.each(pages.filter((name) => name.endsWith('.html')))(
    'the example %s is the same but for scripts',
    async (name) => {
      const path = `${name}?instance=a:9100`;
      const [ours, theirs] = await Promise.all([both.ours, both.theirs].map((url) => answer(url, path)));
      // Values in scripts are refused here, and what those scripts would call is not in Prometheus 3 either.
      const withoutScripts = ({ text, ...rest }: typeof ours) => ({
        ...rest,
        text: text.replace(/<script>[\s\S]*?<\/script>/g, ''),
      });
      expect(withoutScripts(ours)).toEqual(withoutScripts(theirs));
    },
  );
});
