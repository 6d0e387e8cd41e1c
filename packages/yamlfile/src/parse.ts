import { readFile } from 'node:fs/promises';
import { isMap, isNode, isPair, isScalar, LineCounter, type Node, parseDocument, type Scalar, visit } from 'yaml';
import type { z } from 'zod';

/** One thing wrong with a file. `line` is counted from 1; 0 where no line can be named. */
export interface FileProblem {
  readonly line: number;
  /** The key's path, such as `scrape_configs[0].job_name`; '' for the document itself. */
  readonly key: string;
  readonly message: string;
}

/** A configuration file that cannot be used, with all that is wrong with it at once. */
export class FileError extends Error {
  override readonly name = 'FileError';

  constructor(
    readonly file: string,
    readonly problems: readonly FileProblem[],
  ) {
    super(problems.map((problem) => renderProblem(file, problem)).join('; '));
  }
}

function renderProblem(file: string, { line, key, message }: FileProblem): string {
  return `${file}${line > 0 ? `:${line}` : ''}: ${key ? `${key}: ` : ''}${message}`;
}

/**
 * Reads and checks a YAML file.
 * @throws FileError where it cannot be read, is not YAML or does not fit the schema
 */
export async function readYamlFile<Schema extends z.ZodType>(file: string, schema: Schema): Promise<z.output<Schema>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message;
    throw new FileError(file, [{ line: 0, key: '', message: reason }]);
  }
  return parseYaml(file, text, schema);
}

/**
 * Checks YAML text; `file` names it in errors. An empty document is an empty mapping; of several, the first counts and
 * the others are not looked at, as by Go's yaml.
 * @param isText whether a plain scalar is a text, whatever YAML takes it for, by the keys that lead to it; by default
 * where one of them is a key whose values are texts in most files
 * @throws FileError
 */
export function parseYaml<Schema extends z.ZodType>(
  file: string,
  text: string,
  schema: Schema,
  isText = isBelowTexts,
): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, version: '1.1', merge: true });
  const errors = document.errors.filter(({ code }) => code !== 'MULTIPLE_DOCS');
  if (errors.length > 0) {
    throw new FileError(
      file,
      errors.map((error) => ({
        line: lines.linePos(error.pos[0]).line,
        key: '',
        message: error.message.split('\n')[0].replace(/ at line \d+, column \d+:?$/, ''),
      })),
    );
  }
  const alias = aliasProblem(document);
  if (alias) throw new FileError(file, [{ line: lines.linePos(alias.at).line, key: '', message: alias.message }]);
  keepTexts(document, isText);
  const binary = binaryKey(document);
  if (binary >= 0) {
    throw new FileError(file, [
      { line: lines.linePos(binary).line, key: '', message: 'a key must be text, not binary data' },
    ]);
  }
  const result = schema.safeParse(plainValue(document, file) ?? {});
  if (result.success) return result.data;
  const lineOf = (path: readonly PropertyKey[]): number => lineOfPath(document, lines, path);
  throw new FileError(
    file,
    result.error.issues.flatMap((issue) => problemsOf(issue, lineOf)),
  );
}

/** Keys below which every value is a text, whatever YAML takes it for: `version: 1.10` is not 1.1, nor `yes` true. */
const TEXTS = new Set([
  ...[
    'labels',
    'external_labels',
    'annotations',
    'params',
    'headers',
    'endpoint_params',
    'required_matchers',
    'targets',
  ],
  ...[
    'job_name',
    'regex',
    'replacement',
    'separator',
    'username',
    'password',
    'credentials',
    'client_id',
    'client_secret',
  ],
]);

function isBelowTexts(keys: readonly string[]): boolean {
  return keys.some((key) => TEXTS.has(key));
}

/** Whatever stands as a key is a text too, and so is a date, of which Go's yaml knows nothing. */
function keepTexts(document: ReturnType<typeof parseDocument>, isText: (keys: readonly string[]) => boolean): void {
  visit(document, {
    Scalar(key, scalar, path) {
      if (key === 'key' || scalar.value instanceof Date || isText(keysOf(path))) keepText(scalar);
    },
  });
}

function keysOf(path: readonly unknown[]): string[] {
  return path.filter(isPair).map(({ key }) => String(isScalar(key) ? key.value : key));
}

/** Where a key is `!!binary`, which JavaScript's objects cannot hold; -1 where none is. */
function binaryKey(document: ReturnType<typeof parseDocument>): number {
  let at = -1;
  visit(document, {
    Pair(_key, { key }) {
      if (!isScalar(key) || !(key.value instanceof Uint8Array)) return undefined;
      at = key.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return at;
}

/** What an alias names must stand before it, and must not have the alias in it: words of Go's yaml. */
function aliasProblem(
  document: ReturnType<typeof parseDocument>,
): { readonly at: number; readonly message: string } | null {
  const anchors = new Map<string, Node>();
  let problem: ReturnType<typeof aliasProblem> = null;
  visit(document, {
    Value(_key, node) {
      if (node.anchor) anchors.set(node.anchor, node);
    },
    Alias(_key, { source, range }, path) {
      const target = anchors.get(source);
      if (target && !path.includes(target)) return undefined;
      const message = target ? `anchor '${source}' value contains itself` : `unknown anchor '${source}' referenced`;
      problem = { at: range?.[0] ?? 0, message };
      return visit.BREAK;
    },
  });
  return problem;
}

/** @throws FileError where aliases make a small file a huge value, or a mapping is merged with what is none */
function plainValue(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    const { message } = error as Error;
    const isHuge = message.startsWith('Excessive alias count');
    throw new FileError(file, [
      { line: 0, key: '', message: isHuge ? 'document contains excessive aliasing' : message },
    ]);
  }
}

function keepText(scalar: Scalar): void {
  const isOther = ['number', 'boolean'].includes(typeof scalar.value) || scalar.value instanceof Date;
  if (isOther && scalar.source !== undefined) scalar.value = scalar.source;
}

function problemsOf(issue: z.core.$ZodIssue, lineOf: (path: readonly PropertyKey[]) => number): FileProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => ({
      line: lineOf([...issue.path, name]),
      key: renderPath([...issue.path, name]),
      message: 'unknown key',
    }));
  }
  return [{ line: lineOf(issue.path), key: renderPath(issue.path), message: issue.message }];
}

/** The line of the key or item at `path`, or of the innermost ancestor that exists. */
function lineOfPath(
  document: ReturnType<typeof parseDocument>,
  lines: LineCounter,
  path: readonly PropertyKey[],
): number {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const name = path[depth - 1];
    const pair = isMap(parent) ? parent.items.find((item) => isPair(item) && String(item.key) === String(name)) : null;
    const node = pair ? pair.key : document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 0;
}

function renderPath(path: readonly PropertyKey[]): string {
  let out = '';
  for (const part of path) out += typeof part === 'number' ? `[${part}]` : `${out ? '.' : ''}${String(part)}`;
  return out;
}
