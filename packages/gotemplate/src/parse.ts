import type { Body, BranchNode, Command, Node, Operand, Pipe } from './ast.ts';
import { describe } from './describe.ts';
import type { Token } from './lex.ts';
import { parseNumber } from './number.ts';
import { TokenReader } from './token-reader.ts';

/** How deeply parentheses and blocks may stand in each other; Go allows 10 000 and more. */
const DEPTH_MAX = 400;

/**
 * Parses a template: the text itself under `name`, and what `define` and `block` in it define (Go text/template/parse).
 * Total: any text gives bodies or an error. @throws TemplateError
 */
export function parseTemplate(name: string, source: string, isFunction: (name: string) => boolean): Map<string, Body> {
  const definitions = new Map<string, Body>();
  new Parser(name, source, isFunction, definitions).parse();
  return definitions;
}

/** What ends a list of nodes: `{{end}}` or `{{else}}`. */
type End = 'end' | 'else';

class Parser {
  private readonly tokens: TokenReader;
  private depth = 0;
  private loops = 0;
  private variables = ['$'];

  constructor(
    private readonly name: string,
    private readonly source: string,
    private readonly isFunction: (name: string) => boolean,
    private readonly definitions: Map<string, Body>,
  ) {
    this.tokens = new TokenReader(name, source);
  }

  parse(): void {
    const { tokens } = this;
    const nodes: Node[] = [];
    while (tokens.peek().kind !== 'eof') {
      const start = tokens.position;
      if (tokens.next().kind === 'open' && tokens.atKeyword('define')) {
        tokens.next();
        this.define();
        continue;
      }
      tokens.back(start);
      const node = this.textOrAction();
      if (typeof node === 'string') throw tokens.error(`unexpected {{${node}}}`);
      nodes.push(node);
    }
    this.add(this.name, nodes);
  }

  /** A definition replaces one that is empty; two that are not are a mistake. */
  private add(name: string, nodes: readonly Node[]): void {
    const before = this.definitions.get(name);
    if (before && !isEmpty(before.nodes)) {
      if (isEmpty(nodes)) return;
      throw this.tokens.error(`template: multiple definition of template ${JSON.stringify(name)}`);
    }
    this.definitions.set(name, { name, parseName: this.name, source: this.source, nodes });
  }

  private define(): void {
    const { tokens } = this;
    const context = 'define clause';
    const name = tokens.unquoted(tokens.expect('string', context));
    tokens.expect('close', context);
    this.add(name, this.ownBody(context));
  }

  /** The body of a definition, which sees no variables of what is around it. */
  private ownBody(context: string): readonly Node[] {
    const { variables, loops } = this;
    this.variables = ['$'];
    this.loops = 0;
    const { nodes, end } = this.list();
    if (end !== 'end') throw this.tokens.error(`unexpected {{${end}}} in ${context}`);
    this.variables = variables;
    this.loops = loops;
    return nodes;
  }

  /** Nodes up to `{{end}}` or `{{else}}`, which have been read. */
  private list(): { readonly nodes: Node[]; readonly end: End } {
    const { tokens } = this;
    const nodes: Node[] = [];
    while (tokens.peekNonSpace().kind !== 'eof') {
      const node = this.textOrAction();
      if (typeof node === 'string') return { nodes, end: node };
      nodes.push(node);
    }
    throw tokens.error('unexpected EOF');
  }

  private textOrAction(): Node | End {
    const { tokens } = this;
    const token = tokens.nextNonSpace();
    if (token.kind === 'text') return { kind: 'text', text: token.text, at: token.at };
    if (token.kind !== 'open') throw tokens.unexpected(token, 'input');
    tokens.actionLine = token.line;
    const node = this.action();
    tokens.actionLine = 0;
    return node;
  }

  private action(): Node | End {
    const { tokens } = this;
    const start = tokens.peekNonSpace();
    if (start.kind === 'keyword') {
      const node = this.control(start);
      if (node !== null) return node;
    }
    return { kind: 'action', pipe: this.pipe('command', 'close'), at: start.at };
  }

  /** What a keyword begins; null where none of them may stand here, which the pipeline tells. */
  private control(keyword: Token): Node | End | null {
    const { tokens } = this;
    const { text, at } = keyword;
    if (text === 'define') return null;
    tokens.next();
    switch (text) {
      case 'if':
      case 'with':
      case 'range':
        return this.branch(text);
      case 'end':
        tokens.expect('close', 'end');
        return 'end';
      case 'else':
        if (!tokens.atKeyword('if') && !tokens.atKeyword('with')) tokens.expect('close', 'else');
        return 'else';
      case 'block':
        return this.block();
      case 'template':
        return this.template();
      default: {
        const kind = text as 'break' | 'continue';
        const token = tokens.nextNonSpace();
        if (token.kind !== 'close') throw tokens.unexpected(token, `{{${text}}}`);
        if (this.loops === 0) throw tokens.error(`{{${text}}} outside {{range}}`);
        return { kind, at };
      }
    }
  }

  private branch(kind: BranchNode['kind']): BranchNode {
    const { tokens } = this;
    this.enter();
    const scope = this.variables.length;
    const pipe = this.pipe(kind, 'close');
    if (kind === 'range') this.loops++;
    const { nodes: body, end } = this.list();
    if (kind === 'range') this.loops--;
    let otherwise: readonly Node[] | null = null;
    if (end === 'else') otherwise = this.otherwise(kind);
    this.variables.length = scope;
    this.depth--;
    tokens.actionLine = 0;
    return { kind, pipe, body, otherwise, at: pipe.at };
  }

  /** `{{else if x}}` and `{{else with x}}` are an `else` with one node in it, whose end is that of the whole. */
  private otherwise(kind: BranchNode['kind']): readonly Node[] {
    const { tokens } = this;
    if (kind !== 'range' && tokens.peek().kind === 'keyword' && tokens.peek().text === kind) {
      tokens.next();
      return [this.branch(kind)];
    }
    const { nodes, end } = this.list();
    if (end !== 'end') throw tokens.error(`expected end; found {{${end}}}`);
    return nodes;
  }

  private block(): Node {
    const { tokens } = this;
    const context = 'block clause';
    const token = tokens.nextNonSpace();
    const name = this.templateName(token, context);
    const pipe = this.pipe(context, 'close');
    this.enter();
    this.add(name, this.ownBody(context));
    this.depth--;
    return { kind: 'template', name, pipe, at: token.at };
  }

  private template(): Node {
    const { tokens } = this;
    const context = 'template clause';
    const token = tokens.nextNonSpace();
    const name = this.templateName(token, context);
    let pipe: Pipe | null = null;
    if (tokens.peekNonSpace().kind === 'close') tokens.next();
    else pipe = this.pipe(context, 'close');
    return { kind: 'template', name, pipe, at: token.at };
  }

  private templateName(token: Token, context: string): string {
    if (token.kind !== 'string') throw this.tokens.unexpected(token, context);
    return this.tokens.unquoted(token);
  }

  /** Commands up to and with `end`. */
  private pipe(context: string, end: 'close' | 'closeParen'): Pipe {
    const { tokens } = this;
    const { at } = tokens.peekNonSpace();
    const { variables, assigns } = this.declaration(context);
    const commands: Command[] = [];
    for (;;) {
      const token = tokens.peekNonSpace();
      if (token.kind === end) break;
      if (!BEGINS_OPERAND.has(token.kind)) throw tokens.unexpected(tokens.next(), context);
      commands.push(this.command());
    }
    tokens.next();
    this.checkCommands(commands, context);
    return { kind: 'pipe', variables, assigns, commands, at };
  }

  private checkCommands(commands: readonly Command[], context: string): void {
    if (commands.length === 0) throw this.tokens.error(`missing value for ${context}`);
    commands.forEach(({ words }, i) => {
      if (i === 0 || !NOT_EXECUTABLE.has(words[0].kind)) return;
      throw this.tokens.error(`non executable command in pipeline stage ${i + 1}`);
    });
  }

  /** `$x :=`, `$x =` or `$i, $x :=` at the start of a pipeline, where there is one. */
  private declaration(context: string): { readonly variables: readonly string[]; readonly assigns: boolean } {
    const { tokens } = this;
    const variables: string[] = [];
    for (;;) {
      const start = tokens.position;
      if (tokens.peekNonSpace().kind !== 'variable') break;
      const { text } = tokens.next();
      const sign = tokens.peekNonSpace();
      if (sign.kind === 'assign' || sign.kind === 'declare') {
        tokens.next();
        variables.push(text);
        this.variables.push(text);
        return { variables, assigns: sign.kind === 'assign' };
      }
      if (sign.kind !== 'symbol' || sign.text !== ',') {
        tokens.back(start);
        break;
      }
      tokens.next();
      variables.push(text);
      this.variables.push(text);
      if (context !== 'range' || variables.length > 1) throw tokens.error(`too many declarations in ${context}`);
      if (!AFTER_COMMA.has(tokens.peekNonSpace().kind)) throw tokens.error('range can only initialize variables');
    }
    return { variables, assigns: false };
  }

  private command(): Command {
    const { tokens } = this;
    const { at } = tokens.peekNonSpace();
    const words: Operand[] = [];
    for (;;) {
      tokens.skipSpace();
      const operand = this.operand();
      if (operand) words.push(operand);
      const token = tokens.peek();
      if (token.kind === 'space') continue;
      if (token.kind === 'pipe') tokens.next();
      else if (token.kind !== 'close' && token.kind !== 'closeParen') throw tokens.unexpected(tokens.next(), 'operand');
      break;
    }
    if (words.length === 0) throw tokens.error('empty command');
    return { kind: 'command', words, at };
  }

  private operand(): Operand | null {
    const { tokens } = this;
    const term = this.term();
    const { kind, at } = tokens.peek();
    if (!term || kind !== 'field') return term;
    const fields: string[] = [];
    while (tokens.peek().kind === 'field') fields.push(tokens.next().text.slice(1));
    switch (term.kind) {
      case 'field':
        return { ...term, fields: [...term.fields, ...fields], at };
      case 'variable':
        this.checkVariable(term.name);
        return { ...term, fields: [...term.fields, ...fields], at };
      case 'bool':
      case 'string':
      case 'number':
      case 'nil':
      case 'dot':
        throw tokens.error(`unexpected . after term ${JSON.stringify(describe(term))}`);
      default:
        return { kind: 'chain', base: term, fields, at };
    }
  }

  /** Null, with nothing read, where no term begins. */
  private term(): Operand | null {
    const { tokens } = this;
    const start = tokens.position;
    const token = tokens.nextNonSpace();
    const { at, text } = token;
    switch (token.kind) {
      case 'word':
        if (!this.isFunction(text)) throw tokens.error(`function ${JSON.stringify(text)} not defined`);
        return { kind: 'function', name: text, at };
      case 'dot':
      case 'nil':
        return { kind: token.kind, at };
      case 'variable':
        this.checkVariable(text);
        return { kind: 'variable', name: text, fields: [], at };
      case 'field':
        return { kind: 'field', fields: [text.slice(1)], at };
      case 'bool':
        return { kind: 'bool', value: text === 'true', at };
      case 'number':
      case 'char':
        return { kind: 'number', value: this.number(text), text, at };
      case 'string':
        return { kind: 'string', value: tokens.unquoted(token), quoted: text, at };
      case 'openParen':
        return this.parenthesised();
      default:
        tokens.back(start);
        tokens.skipSpace();
        return null;
    }
  }

  private number(text: string): bigint | number {
    try {
      return parseNumber(text);
    } catch (error) {
      throw this.tokens.error((error as Error).message);
    }
  }

  private parenthesised(): Pipe {
    this.enter();
    const pipe = this.pipe('parenthesized pipeline', 'closeParen');
    this.depth--;
    return pipe;
  }

  private checkVariable(name: string): void {
    if (!this.variables.includes(name)) throw this.tokens.error(`undefined variable ${JSON.stringify(name)}`);
  }

  private enter(): void {
    if (++this.depth > DEPTH_MAX) throw this.tokens.error('max expression depth exceeded');
  }
}

const BEGINS_OPERAND: ReadonlySet<string> = new Set([
  ...['bool', 'char', 'dot', 'field', 'word', 'number', 'nil', 'string', 'variable', 'openParen'],
]);
const NOT_EXECUTABLE: ReadonlySet<string> = new Set(['bool', 'dot', 'nil', 'number', 'string']);
const AFTER_COMMA: ReadonlySet<string> = new Set(['variable', 'close', 'closeParen']);

/** Nothing but blanks: such a template counts as not defined. */
function isEmpty(nodes: readonly Node[]): boolean {
  return nodes.every((node) => node.kind === 'text' && node.text.trim() === '');
}
