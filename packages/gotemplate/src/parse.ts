import { type Base, type Branch, type Node, type Operand, type Pipe, TemplateError } from './ast.ts';
import { lex, type Token } from './lex.ts';

export interface ParsedTemplate {
  readonly body: readonly Node[];
  /** What `define` and `block` define, by name. */
  readonly definitions: ReadonlyMap<string, readonly Node[]>;
}

const DEPTH_MAX = 500;

/** Parses a template. @throws TemplateError */
export function parseTemplate(name: string, source: string, isFunction: (name: string) => boolean): ParsedTemplate {
  return new Parser(name, lex(name, source), isFunction).parse();
}

type End = 'end' | 'else' | 'eof';

class Parser {
  private at = 0;
  private depth = 0;
  private loops = 0;
  private variables = ['$'];
  private readonly definitions = new Map<string, readonly Node[]>();

  constructor(
    private readonly name: string,
    private readonly tokens: readonly Token[],
    private readonly isFunction: (name: string) => boolean,
  ) {}

  parse(): ParsedTemplate {
    const { nodes, end } = this.list();
    if (end !== 'eof') throw this.error(`unexpected {{${end}}}`);
    return { body: nodes, definitions: this.definitions };
  }

  /** Nodes up to an `end`, an `else` (whose `{{else` has been read) or the end of the template. */
  private list(): { readonly nodes: Node[]; readonly end: End } {
    if (++this.depth > DEPTH_MAX) throw this.error('nested too deeply');
    const nodes: Node[] = [];
    let end: End = 'eof';
    for (let token = this.tokens[this.at]; token; token = this.tokens[this.at]) {
      this.at++;
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', text: token.text });
        continue;
      }
      this.skipSpace();
      const word = this.peek()?.kind === 'word' ? this.peek()?.text : undefined;
      if (word === 'end' || word === 'else') {
        this.at++;
        if (word === 'end') this.close();
        end = word;
        break;
      }
      const node = this.action(word);
      if (node) nodes.push(node);
    }
    this.depth--;
    return { nodes, end };
  }

  private action(word: string | undefined): Node | null {
    switch (word) {
      case 'if':
      case 'with':
        this.at++;
        return this.chain(word);
      case 'range':
        this.at++;
        return this.range();
      case 'define':
        this.at++;
        this.define();
        return null;
      case 'block':
        this.at++;
        return this.block();
      case 'template': {
        this.at++;
        const { name, pipe, line } = this.call();
        return { kind: 'template', name, pipe, at: { line } };
      }
      case 'break':
      case 'continue':
        this.at++;
        if (this.loops === 0) throw this.error(`{{${word}}} outside {{range}}`);
        this.close();
        return { kind: word };
      default: {
        const { line } = this;
        const pipe = this.pipe();
        this.close();
        return { kind: 'action', pipe, at: { line } };
      }
    }
  }

  /** What follows `{{if` or `{{with`: conditions with their bodies, `else if`, `else`. */
  private chain(kind: 'if' | 'with'): Node {
    const scope = this.variables.length;
    const branches: Branch[] = [];
    let otherwise: readonly Node[] = [];
    for (;;) {
      const { line } = this;
      const pipe = this.pipe();
      this.close();
      const { nodes, end } = this.list();
      branches.push({ pipe, body: nodes, at: { line } });
      if (end === 'eof') throw this.error('unexpected EOF');
      if (end === 'end') break;
      this.skipSpace();
      if (this.peek()?.text === kind) {
        this.at++;
        continue;
      }
      this.close();
      otherwise = this.closedList();
      break;
    }
    this.variables.length = scope;
    return { kind, branches, otherwise };
  }

  private range(): Node {
    const scope = this.variables.length;
    const { line } = this;
    const pipe = this.pipe();
    this.close();
    this.loops++;
    const { nodes, end } = this.list();
    this.loops--;
    let otherwise: readonly Node[] = [];
    if (end === 'eof') throw this.error('unexpected EOF');
    if (end === 'else') {
      this.close();
      otherwise = this.closedList();
    }
    this.variables.length = scope;
    return { kind: 'range', pipe, body: nodes, otherwise, at: { line } };
  }

  private closedList(): readonly Node[] {
    const { nodes, end } = this.list();
    if (end !== 'end') throw this.error(end === 'eof' ? 'unexpected EOF' : 'unexpected {{else}}');
    return nodes;
  }

  private define(): void {
    const name = this.stringLiteral('define');
    this.close();
    this.definitions.set(
      name,
      this.inOwnScope(() => this.closedList()),
    );
  }

  private block(): Node {
    const { name, pipe, line } = this.call();
    this.definitions.set(
      name,
      this.inOwnScope(() => this.closedList()),
    );
    return { kind: 'template', name, pipe, at: { line } };
  }

  private inOwnScope<T>(parse: () => T): T {
    const before = this.variables;
    this.variables = ['$'];
    const result = parse();
    this.variables = before;
    return result;
  }

  /** `"name" pipeline}}` */
  private call(): { readonly name: string; readonly pipe: Pipe | null; readonly line: number } {
    const { line } = this;
    const name = this.stringLiteral('template');
    this.skipSpace();
    const pipe = this.peek()?.kind === 'close' ? null : this.pipe();
    this.close();
    return { name, pipe, line };
  }

  private stringLiteral(where: string): string {
    this.skipSpace();
    const token = this.next();
    if (token?.kind !== 'string') throw this.error(`unexpected ${token?.text ?? 'EOF'} in ${where} clause`);
    return this.unquote(token.text);
  }

  private pipe(): Pipe {
    this.skipSpace();
    const { variables, assigns } = this.declaration();
    const commands: (readonly Operand[])[] = [];
    for (;;) {
      const operands = this.command();
      if (operands.length === 0) throw this.error('missing value for command');
      commands.push(operands);
      if (this.peek()?.text !== '|') break;
      this.at++;
    }
    if (!assigns) this.variables.push(...variables);
    return { variables, assigns, commands };
  }

  /** `$x :=`, `$x =` or `$i, $x :=` at the start of a pipeline, where there is one. */
  private declaration(): { readonly variables: readonly string[]; readonly assigns: boolean } {
    const start = this.at;
    const variables: string[] = [];
    for (;;) {
      const token = this.peek();
      if (token?.kind !== 'variable' || token.text === '$') break;
      variables.push(token.text);
      this.at++;
      this.skipSpace();
      const sign = this.peek()?.text;
      if (sign === ':=' || sign === '=') {
        this.at++;
        for (const name of sign === '=' ? variables : []) this.checkVariable(name);
        return { variables, assigns: sign === '=' };
      }
      if (sign !== ',' || variables.length === 2) break;
      this.at++;
      this.skipSpace();
    }
    this.at = start;
    return { variables: [], assigns: false };
  }

  private command(): Operand[] {
    const operands: Operand[] = [];
    for (;;) {
      this.skipSpace();
      const token = this.peek();
      if (!token || token.kind === 'close' || token.text === '|' || token.text === ')') return operands;
      operands.push(this.operand());
    }
  }

  private operand(): Operand {
    const base = this.base();
    const fields: string[] = [];
    for (let token = this.peek(); token?.kind === 'field'; token = this.peek()) {
      fields.push(token.text.slice(1));
      this.at++;
    }
    return { base, fields };
  }

  private base(): Base {
    const token = this.next();
    if (!token) throw this.error('unclosed action');
    switch (token.kind) {
      case 'string':
        return { kind: 'literal', value: this.unquote(token.text) };
      case 'number':
        return { kind: 'literal', value: Number(token.text.replaceAll('_', '')) };
      case 'char':
        return { kind: 'literal', value: this.unquote(`"${token.text.slice(1, -1)}"`).codePointAt(0) ?? 0 };
      case 'variable':
        this.checkVariable(token.text);
        return { kind: 'variable', name: token.text };
      case 'field':
        this.at--;
        return { kind: 'dot' };
      case 'word':
        return this.word(token.text);
      default:
        break;
    }
    if (token.text === '.') return { kind: 'dot' };
    if (token.text === '(') return this.parenthesised();
    throw this.error(`unexpected ${JSON.stringify(token.text)} in operand`);
  }

  private word(text: string): Base {
    if (text === 'true' || text === 'false') return { kind: 'literal', value: text === 'true' };
    if (text === 'nil') return { kind: 'literal', value: null };
    if (!this.isFunction(text)) throw this.error(`function ${JSON.stringify(text)} not defined`);
    return { kind: 'function', name: text };
  }

  private parenthesised(): Base {
    if (++this.depth > DEPTH_MAX) throw this.error('nested too deeply');
    const pipe = this.pipe();
    this.depth--;
    if (this.next()?.text !== ')') throw this.error('unclosed left paren');
    return { kind: 'pipe', pipe };
  }

  private checkVariable(name: string): void {
    if (!this.variables.includes(name)) throw this.error(`undefined variable ${JSON.stringify(name)}`);
  }

  private unquote(text: string): string {
    if (text.startsWith('`')) return text.slice(1, -1);
    return text
      .slice(1, -1)
      .replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/g, (_all, code: string) => {
        const simple = SIMPLE_ESCAPES[code];
        if (simple !== undefined) return simple;
        if (/^[xuU]/.test(code)) return String.fromCodePoint(Number.parseInt(code.slice(1), 16));
        if (/^[0-7]{3}$/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8));
        throw this.error(`invalid escape \\${code}`);
      });
  }

  private close(): void {
    this.skipSpace();
    const token = this.next();
    if (token?.kind !== 'close') throw this.error(`unexpected ${token ? JSON.stringify(token.text) : 'EOF'}`);
  }

  private skipSpace(): void {
    while (this.peek()?.kind === 'space') this.at++;
  }

  private peek(): Token | undefined {
    return this.tokens[this.at];
  }

  private next(): Token | undefined {
    return this.tokens[this.at++];
  }

  private get line(): number {
    return (this.tokens[this.at] ?? this.tokens.at(-1))?.line ?? 1;
  }

  private error(reason: string): TemplateError {
    return new TemplateError(
      this.name,
      (this.tokens[Math.max(0, this.at - 1)] ?? this.tokens.at(-1))?.line ?? 1,
      reason,
    );
  }
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};
