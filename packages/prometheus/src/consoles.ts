import { readFile } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { GoStruct, SafeHtml, type TemplateFunctions, TemplateSet, typed } from '@avalanche/gotemplate';
import type { Clock } from '@avalanche/model';
import { parseQuery } from '@avalanche/web';
import { filesMatching } from '@avalanche/yamlfile';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { textError } from './routes.ts';
import type { QueryVector } from './rules/rule.ts';
import { attempt, withQueries } from './rules/template.ts';
import { type QueryResults, surroundingFunctions, templateFunctions } from './rules/template-functions.ts';

interface ConsoleOptions {
  /** `--web.console.templates`: what is served at `/consoles/`. */
  readonly templates: string;
  /** `--web.console.libraries`: its `*.lib` define templates for all of them. */
  readonly libraries: string;
  readonly query: QueryVector;
  readonly clock: Clock;
  readonly externalUrl: () => string;
  readonly externalLabels: () => Readonly<Record<string, string>>;
}

const VARIABLES =
  '{{$rawParams := .RawParams }}{{$params := .Params}}{{$path := .Path}}{{$externalLabels := .ExternalLabels}}';
/** What Go calls the type of the data. */
const DATA = 'struct { RawParams url.Values; Params map[string]string; Path string; ExternalLabels map[string]string }';

/** `/consoles/*`: pages that are templates of HTML with queries in them, read anew at each request. */
export class Consoles {
  constructor(private readonly options: ConsoleOptions) {}

  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const [path, query = ''] = request.url.split('?', 2);
    const name = posix.normalize(decodeURIComponent(path.slice('/consoles'.length)));
    const file = join(this.options.templates, name);
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR')
        return textError(reply, 404, `open ${file}: no such file or directory`);
      return textError(reply, 500, `read ${file}: ${code === 'EISDIR' ? 'is a directory' : code}`);
    }
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    try {
      const page = await this.expand(name, text, parseQuery(query), gone.signal);
      return reply.type('text/html; charset=utf-8').send(page);
    } catch (error) {
      return textError(reply, 500, (error as Error).message);
    }
  }

  /** @throws Error in upstream's words */
  private async expand(name: string, text: string, query: Record<string, string | string[]>, signal: AbortSignal) {
    const { clock, externalUrl, externalLabels } = this.options;
    const results: QueryResults = new Map();
    const time = clock.now();
    const fullName = `__console_${name}`;
    const rawParams = Object.entries(query).map(([key, value]) => [key, [value].flat()] as const);
    const data = new GoStruct(DATA, {
      RawParams: Object.fromEntries(rawParams),
      Params: Object.fromEntries(rawParams.map(([key, values]) => [key, values[0]])),
      Path: name.replace(/^\/+/, ''),
      ExternalLabels: externalLabels(),
    });
    const set = await this.library(fullName);
    const functions: TemplateFunctions = {
      ...surroundingFunctions({ externalUrl: externalUrl(), time, results }),
      tmpl: typed(['string', 'any'], (wanted: string, value: unknown) => {
        const called = set.compile('tmpl', `{{template ${JSON.stringify(wanted)} .}}`);
        return new SafeHtml(called.execute(value, functions));
      }),
    };
    const template = attempt(fullName, 'parsing', () => set.compile(fullName, VARIABLES + text));
    const runOnce = () => attempt(fullName, 'executing', () => template.execute(data, functions));
    return withQueries(runOnce, results, (expression) => this.options.query(expression, time, signal));
  }

  private async library(name: string): Promise<TemplateSet> {
    const tmpl = typed(['string', 'any'], () => '');
    const set = new TemplateSet({ ...templateFunctions, tmpl }, { html: true });
    for (const file of filesMatching(join(this.options.libraries, '*.lib'))) {
      const text = await readFile(file, 'utf8');
      attempt(`files for ${name}`, 'parsing', () => set.add(basename(file), text));
    }
    return set;
  }
}
