import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  Scalar,
} from 'yaml';

/** Where a value begins; both counted from 1, 0 where it is not there. */
export interface YamlPosition {
  readonly line: number;
  readonly column: number;
}

const NOWHERE: YamlPosition = { line: 0, column: 0 };
/** Values visited: aliases of aliases would otherwise multiply without end. */
const VISITS_MAX = 2_000_000;

interface Run {
  readonly strict: boolean;
  readonly problems: string[];
  /** Problems that a decoder into nodes (see `untyped`) would find as well. */
  readonly again: string[];
  positionOf(node: Node): YamlPosition;
  resolve(node: unknown): Node | null;
  visit(): void;
}

/** Turns YAML into a value as Go's yaml package does, with its words for what does not fit. */
export interface GoType<T> {
  /** What Go calls the type. */
  readonly name: string;
  /** Undefined where it does not fit, of which the run has been told. */
  decode(node: Node, run: Run): T | undefined;
}

/** A value of a struct that also says where its fields stand. */
export type Decoded<Fields> = { readonly [name in keyof Fields]?: ValueOf<Fields[name]> } & {
  at(field: string): YamlPosition;
};
type ValueOf<Type> = Type extends GoType<infer T> ? T : never;

/** What ends decoding at once: an unmarshaler's own error, which Go tells alone. */
class Refused extends Error {}

export interface GoDecoded<T> {
  readonly value: T | undefined;
  /** In Go's words; none where everything fits. */
  readonly problems: readonly string[];
  /** Whether other documents follow, which are ignored. */
  readonly hasMore: boolean;
}

/**
 * Decodes the first document of a text. `strict` refuses fields that the type does not have; `twice` tells problems as
 * where Go decodes into values and then into nodes.
 */
export function decodeGoYaml<T>(text: string, type: GoType<T>, { strict = true, twice = false } = {}): GoDecoded<T> {
  const lines = new LineCounter();
  const options = { lineCounter: lines, uniqueKeys: false, schema: 'failsafe', logLevel: 'silent' } as const;
  const documents = parseAllDocuments(text, options) as unknown as Document.Parsed[];
  const document = documents[0];
  if (!document) return { value: undefined, problems: [], hasMore: false };
  const [error] = document.errors;
  if (error) {
    const message = error.message.split('\n')[0].replace(/ at line \d+, column \d+:?$/, '');
    const problem = `yaml: line ${lines.linePos(error.pos[0]).line}: ${message}`;
    return { value: undefined, problems: twice ? [problem, problem] : [problem], hasMore: false };
  }
  const run = makeRun(document, lines, strict);
  const hasMore = documents.length > 1;
  try {
    const node = run.resolve(document.contents);
    const value = node && !isNull(node) ? type.decode(node, run) : undefined;
    return { value, problems: problemsOf(run, twice), hasMore };
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    return { value: undefined, problems: twice ? [refused.message, refused.message] : [refused.message], hasMore };
  }
}

function problemsOf({ problems, again }: Run, twice: boolean): string[] {
  const joined = (list: readonly string[]) => `yaml: unmarshal errors:\n${list.map((line) => `  ${line}`).join('\n')}`;
  if (problems.length === 0) return [];
  return [joined(problems), ...(twice && again.length > 0 ? [joined(again)] : [])];
}

function makeRun(document: Document.Parsed, lines: LineCounter, strict: boolean): Run {
  let visits = 0;
  return {
    strict,
    problems: [],
    again: [],
    positionOf(node) {
      const { line, col } = lines.linePos(node.range?.[0] ?? 0);
      return { line, column: col };
    },
    resolve(node) {
      const target = isAlias(node) ? node.resolve(document) : node;
      return (target as Node | undefined) ?? null;
    },
    visit() {
      if (++visits > VISITS_MAX) throw new Refused('yaml: document contains excessive aliasing');
    },
  };
}

function isNull(node: Node): boolean {
  return isScalar(node) && node.type === Scalar.PLAIN && /^(?:|~|null|Null|NULL)$/.test(textOf(node));
}

function textOf(node: Scalar): string {
  return typeof node.value === 'string' ? node.value : (node.source ?? '');
}

const BOOL = /^(?:true|True|TRUE|false|False|FALSE)$/;
const INT = /^[-+]?(?:[0-9][0-9_]*|0x[0-9a-fA-F_]+|0o?[0-7_]+|0b[01_]+)$/;
const FLOAT =
  /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/;

function tagOf(node: Node): string {
  if (isMap(node)) return '!!map';
  if (isSeq(node)) return '!!seq';
  if (!isScalar(node) || node.type !== Scalar.PLAIN) return '!!str';
  const text = textOf(node);
  if (isNull(node)) return '!!null';
  if (BOOL.test(text)) return '!!bool';
  if (INT.test(text)) return '!!int';
  return FLOAT.test(text) ? '!!float' : '!!str';
}

const SHOWN_MAX = 10;
const SHOWN = 7;

function misfit(node: Node, type: string, run: Run, typeAgain: string | null = type): undefined {
  const text = isScalar(node) ? textOf(node) : null;
  const value = text === null ? '' : ` \`${text.length > SHOWN_MAX ? `${text.slice(0, SHOWN)}...` : text}\``;
  const say = (into: string) =>
    `line ${run.positionOf(node).line}: cannot unmarshal ${tagOf(node)}${value} into ${into}`;
  run.problems.push(say(type));
  if (typeAgain !== null) run.again.push(say(typeAgain));
  return undefined;
}

function scalarOf(node: Node, type: string, run: Run, typeAgain?: string | null): string | undefined {
  run.visit();
  return isScalar(node) ? textOf(node) : misfit(node, type, run, typeAgain);
}

export const goString: GoType<string> = {
  name: 'string',
  decode: (node, run) => scalarOf(node, 'string', run),
};

/** A string whose node is kept for its place: Go takes anything into a node, so that a misfit is told but once. */
export const goStringNode: GoType<string> = {
  name: 'string',
  decode: (node, run) => scalarOf(node, 'string', run, null),
};

export const goInt: GoType<number> = {
  name: 'int',
  decode(node, run) {
    const text = scalarOf(node, 'int', run);
    if (text === undefined) return undefined;
    if (tagOf(node) !== '!!int') return misfit(node, 'int', run);
    const plain = text.replaceAll('_', '').replace(/^\+/, '');
    const value = plain.startsWith('-') ? -Number(plain.slice(1)) : Number(plain.replace(/^0(?=[0-7]+$)/, '0o'));
    return Number.isSafeInteger(value) ? value : misfit(node, 'int', run);
  },
};

export const goBool: GoType<boolean> = {
  name: 'bool',
  decode(node, run) {
    const text = scalarOf(node, 'bool', run);
    if (text === undefined) return undefined;
    return tagOf(node) === '!!bool' ? text.toLowerCase() === 'true' : misfit(node, 'bool', run);
  },
};

export const goFloat: GoType<number> = {
  name: 'float64',
  decode(node, run) {
    const text = scalarOf(node, 'float64', run);
    if (text === undefined) return undefined;
    const tag = tagOf(node);
    if (tag !== '!!int' && tag !== '!!float') return misfit(node, 'float64', run);
    const named = text
      .toLowerCase()
      .replace(/^([-+]?)\.inf$/, '$1Infinity')
      .replace(/^\.nan$/, 'NaN');
    return Number(named.replaceAll('_', ''));
  },
};

/** A string with an unmarshaler of its own, whose error ends everything. */
export function goParsed<T>(parse: (text: string) => T): GoType<T> {
  return {
    name: 'string',
    decode(node, run) {
      const text = scalarOf(node, 'string', run);
      if (text === undefined) return undefined;
      try {
        return parse(text);
      } catch (error) {
        throw new Refused((error as Error).message);
      }
    },
  };
}

/** @param nameAgain what the items are called where Go decodes a second time into nodes */
export function goList<T>(item: GoType<T>, nameAgain = item.name): GoType<readonly T[]> {
  const name = `[]${item.name}`;
  return {
    name,
    decode(node, run) {
      run.visit();
      if (!isSeq(node)) return misfit(node, name, run, `[]${nameAgain}`);
      const values: T[] = [];
      for (const entry of node.items) {
        const resolved = run.resolve(entry);
        const value = resolved && item.decode(resolved, run);
        if (value !== undefined && value !== null) values.push(value);
      }
      return values;
    },
  };
}

export const goStringMap: GoType<Readonly<Record<string, string>>> = {
  name: 'map[string]string',
  decode(node, run) {
    run.visit();
    if (!isMap(node)) return misfit(node, 'map[string]string', run);
    const entries: [string, string][] = [];
    for (const { key, value } of fieldsOf(node, run)) {
      const text = value && !isNull(value) ? goString.decode(value, run) : '';
      if (text !== undefined) entries.push([key, text]);
    }
    return Object.fromEntries(entries);
  },
};

/** @param nameAgain what Go calls it where it decodes a second time into nodes */
export function goStruct<Fields extends Readonly<Record<string, GoType<unknown>>>>(
  name: string,
  fields: Fields,
  nameAgain = name,
): GoType<Decoded<Fields>> {
  return {
    name,
    decode(node, run) {
      run.visit();
      if (!isMap(node)) return misfit(node, name, run, nameAgain);
      const values: Record<string, unknown> = {};
      const places = new Map<string, YamlPosition>();
      for (const { key, keyNode, value } of fieldsOf(node, run)) {
        if (!Object.hasOwn(fields, key)) {
          if (run.strict)
            run.problems.push(`line ${run.positionOf(keyNode).line}: field ${key} not found in type ${name}`);
          continue;
        }
        if (!value) continue;
        places.set(key, run.positionOf(value));
        if (!isNull(value)) values[key] = fields[key].decode(value, run);
      }
      return Object.assign(values, { at: (field: string) => places.get(field) ?? NOWHERE }) as Decoded<Fields>;
    },
  };
}

interface Field {
  readonly key: string;
  readonly keyNode: Node;
  readonly value: Node | null;
}

/** The entries of a mapping, those merged by `<<` before its own; one key twice is a problem. */
function fieldsOf(node: Node, run: Run, merging = 0): Field[] {
  if (!isMap(node) || merging > SHOWN_MAX) return [];
  const own = new Map<string, Field>();
  const merged: Field[] = [];
  for (const pair of node.items) {
    run.visit();
    const keyNode = run.resolve(pair.key);
    const value = run.resolve(pair.value);
    const key = keyNode && isScalar(keyNode) ? textOf(keyNode) : '';
    if (!keyNode) continue;
    if (key === '<<' && value && (keyNode as Scalar).type === Scalar.PLAIN) {
      const sources = isSeq(value) ? [...value.items].reverse().map((item) => run.resolve(item)) : [value];
      for (const source of sources) if (source) merged.push(...fieldsOf(source, run, merging + 1));
      continue;
    }
    const before = own.get(key);
    if (before) {
      const [line, first] = [run.positionOf(keyNode).line, run.positionOf(before.keyNode).line];
      const problem = `line ${line}: mapping key ${JSON.stringify(key)} already defined at line ${first}`;
      run.problems.push(problem);
      run.again.push(problem);
    }
    own.set(key, { key, keyNode, value });
  }
  const all = new Map(merged.map((field) => [field.key, field]));
  for (const [key, field] of own) all.set(key, field);
  return [...all.values()];
}
