import { Slices } from '@avalanche/model';
import { type Body, type BranchNode, type Command, type Node, type Operand, type Pipe, TemplateError } from './ast.ts';
import { describe } from './describe.ts';
import { printValue } from './print.ts';
import {
  canBeNil,
  GoStruct,
  givenMethod,
  isNil,
  isPlainObject,
  isTrue,
  type Signature,
  type TemplateFunction,
  type TemplateFunctions,
  typeName,
} from './values.ts';

/** Go allows 100 000 templates within each other, which nobody means. */
const CALL_DEPTH_MAX = 250;
/** A template cannot write more than this (characters). */
const OUTPUT_MAX = 16 * 1024 * 1024;
/** Nor take more steps: a nested range over its own output would go on for hours. */
const STEPS_MAX = 2_000_000;

export interface ExecutionContext {
  readonly functions: TemplateFunctions;
  readonly definition: (name: string) => Body | undefined;
  /** What becomes of a value that an action writes. */
  readonly render: (text: string, value: unknown) => string;
  /** What becomes of the template's own text. */
  readonly literal: (text: string) => string;
}

/** No value comes from the command before. */
const NONE = Symbol('none');

/** Runs a parsed template over `data`. @throws TemplateError with the place that failed */
export function execute(context: ExecutionContext, body: Body, data: unknown): string {
  const run = new Execution(context, body, data);
  while (run.advance());
  return run.output;
}

/** As `execute`, in turns of the event loop: a template may range over thousands of alerts. @throws TemplateError */
export async function executeInTurns(context: ExecutionContext, body: Body, data: unknown): Promise<string> {
  const run = new Execution(context, body, data);
  const slices = new Slices();
  while (run.advance()) if (slices.isOver()) await slices.next();
  return run.output;
}

/** Variables of one block; lookups go outwards. */
class Scope {
  private readonly values = new Map<string, unknown>();

  constructor(private readonly parent: Scope | undefined) {}

  declare(name: string, value: unknown): this {
    this.values.set(name, value);
    return this;
  }

  /** False where there is no such variable. */
  assign(name: string, value: unknown): boolean {
    if (!this.values.has(name)) return this.parent?.assign(name, value) ?? false;
    this.values.set(name, value);
    return true;
  }

  get(name: string): unknown {
    return this.values.has(name) || !this.parent ? this.values.get(name) : this.parent.get(name);
  }

  has(name: string): boolean {
    return this.values.has(name) || (this.parent?.has(name) ?? false);
  }
}

/** A list of nodes on its way. */
interface Frame {
  nodes: readonly Node[];
  next: number;
  dot: unknown;
  scope: Scope;
  /** Of a `range`: what `break` and `continue` are about. */
  readonly isRange: boolean;
  /** Called at the end of the list; true where it begins again. */
  readonly atEnd?: (frame: Frame) => boolean;
}

/**
 * One execution, a node at a time. Lists of nodes within each other are kept as frames, not on the stack, so that it can
 * pause between any two nodes; pipelines are evaluated at once.
 */
class Execution {
  output = '';
  private readonly frames: Frame[] = [];
  private depth = 0;
  private steps = 0;
  /** What was looked at last: where an error happened. */
  private at: Node | Operand | Command | null = null;

  constructor(
    private readonly context: ExecutionContext,
    private body: Body,
    data: unknown,
  ) {
    this.enter(body.nodes, data, new Scope(undefined).declare('$', data));
  }

  /** Executes the next node; false at the end. @throws TemplateError */
  advance(): boolean {
    const frame = this.frames.at(-1);
    if (!frame) return false;
    if (frame.next === frame.nodes.length) {
      if (!frame.atEnd?.(frame)) this.frames.pop();
      return true;
    }
    try {
      this.node(frame.nodes[frame.next++], frame);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw this.error('the template is nested too deeply');
    }
    return true;
  }

  private enter(nodes: readonly Node[], dot: unknown, scope: Scope, atEnd?: Frame['atEnd']): void {
    this.frames.push({ nodes, next: 0, dot, scope, isRange: false, ...(atEnd ? { atEnd } : {}) });
  }

  private node(node: Node, { dot, scope }: Frame): void {
    this.at = node;
    this.step();
    switch (node.kind) {
      case 'text':
        this.write(this.context.literal(node.text));
        break;
      case 'action':
        this.action(node, dot, scope);
        break;
      case 'if':
      case 'with':
        this.branch(node, dot, new Scope(scope));
        break;
      case 'range':
        this.range(node, dot, new Scope(scope));
        break;
      case 'template':
        this.call(node.name, node.pipe, dot, scope);
        break;
      case 'break':
        this.leaveToRange();
        this.frames.pop();
        break;
      case 'continue': {
        const range = this.leaveToRange();
        if (range) range.next = range.nodes.length;
        break;
      }
      default:
        node satisfies never;
    }
  }

  private action(node: Extract<Node, { kind: 'action' }>, dot: unknown, scope: Scope): void {
    const value = this.pipe(node.pipe, dot, scope);
    if (node.pipe.variables.length > 0) return;
    this.at = node;
    this.write(this.context.render(this.printed(value, node.pipe), value));
  }

  /** Leaves what stands within the innermost range, which the parser has seen to be there. */
  private leaveToRange(): Frame | undefined {
    while (this.frames.length > 0 && !this.frames.at(-1)?.isRange) this.frames.pop();
    return this.frames.at(-1);
  }

  private step(): void {
    if (++this.steps > STEPS_MAX) throw this.error('the template takes too many steps');
  }

  private printed(value: unknown, pipe: Pipe): string {
    if (typeof value === 'function') throw this.error(`can't print ${describe(pipe)} of type func`);
    return printValue(value);
  }

  private branch(node: BranchNode, dot: unknown, scope: Scope): void {
    const value = this.pipe(node.pipe, dot, scope);
    if (isTrue(value)) this.enter(node.body, node.kind === 'with' ? value : dot, scope);
    else if (node.otherwise) this.enter(node.otherwise, dot, scope);
  }

  private range(node: BranchNode, dot: unknown, outer: Scope): void {
    const { variables, assigns } = node.pipe;
    const over = this.value(node.pipe, dot, outer);
    const entries = this.entriesOf(over, variables.length);
    const isNext = (frame: Frame): boolean => {
      const { done, value: entry } = entries.next();
      if (done) return false;
      this.step();
      const [key, value] = entry;
      frame.dot = value;
      frame.scope = new Scope(outer);
      frame.next = 0;
      const target = assigns ? outer : frame.scope;
      if (variables.length > 1) this.set(target, assigns, variables[0], key);
      if (variables.length > 0) this.set(target, assigns, variables[variables.length - 1], value);
      return true;
    };
    const frame: Frame = { nodes: node.body, next: 0, dot, scope: outer, isRange: true, atEnd: isNext };
    if (isNext(frame)) this.frames.push(frame);
    else if (node.otherwise) this.enter(node.otherwise, dot, outer);
  }

  private *entriesOf(over: unknown, variables: number): Generator<readonly [unknown, unknown]> {
    if (isNil(over)) return;
    if (typeof over === 'bigint') {
      if (variables > 1) throw this.error(`can't use ${over} to iterate over more than one variable`);
      for (let i = 0n; i < over; i++) yield [undefined, i];
    } else if (Array.isArray(over)) {
      for (let i = 0; i < over.length; i++) yield [BigInt(i), over[i]];
    } else if (over instanceof Map || isPlainObject(over)) {
      const entries: (readonly [unknown, unknown])[] = over instanceof Map ? [...over] : Object.entries(over);
      yield* entries.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    } else throw this.error(`range can't iterate over ${printValue(over)}`);
  }

  private call(name: string, pipe: Pipe | null, dot: unknown, scope: Scope): void {
    const body = this.context.definition(name);
    if (!body) throw this.error(`template ${JSON.stringify(name)} not defined`);
    if (this.depth === CALL_DEPTH_MAX) throw this.error(`exceeded maximum template depth (${CALL_DEPTH_MAX})`);
    const data = pipe ? this.pipe(pipe, dot, scope) : undefined;
    const before = this.body;
    this.body = body;
    this.depth++;
    this.enter(body.nodes, data, new Scope(undefined).declare('$', data), () => {
      this.depth--;
      this.body = before;
      return false;
    });
  }

  /** A pipeline's value, its variables set in `scope`. */
  private pipe(pipe: Pipe, dot: unknown, scope: Scope): unknown {
    const value = this.value(pipe, dot, scope);
    for (const name of pipe.variables) this.set(scope, pipe.assigns, name, value);
    return value;
  }

  private value(pipe: Pipe, dot: unknown, scope: Scope): unknown {
    this.at = pipe;
    let value: unknown = NONE;
    for (const command of pipe.commands) value = this.command(command, dot, scope, value);
    return value;
  }

  private set(scope: Scope, assigns: boolean, name: string, value: unknown): void {
    if (!assigns) scope.declare(name, value);
    else if (!scope.assign(name, value)) throw this.error(`undefined variable: ${name}`);
  }

  private command(command: Command, dot: unknown, scope: Scope, final: unknown): unknown {
    const { words } = command;
    const [first] = words;
    if (first.kind === 'function') {
      this.at = first;
      return this.callFunction(first.name, command, words.slice(1), dot, scope, final);
    }
    if (first.kind === 'field' || first.kind === 'variable' || first.kind === 'chain') {
      this.at = first;
      return this.fieldsOf(first, words, dot, scope, final);
    }
    if (first.kind !== 'pipe') this.at = first;
    this.refuseArguments(words, final);
    if (first.kind === 'nil') throw this.error('nil is not a command');
    return this.operand(first, dot, scope);
  }

  private refuseArguments(words: readonly Operand[], final: unknown): void {
    if (words.length <= 1 && final === NONE) return;
    throw this.error(`can't give argument to non-function ${describe(words[0])}`);
  }

  /** `.a.b`, `$x.a.b` or `(…).a.b`; the last field may be a method that takes the arguments. */
  private fieldsOf(
    operand: Extract<Operand, { kind: 'field' | 'variable' | 'chain' }>,
    words: readonly Operand[],
    dot: unknown,
    scope: Scope,
    final: unknown,
  ): unknown {
    let value = dot;
    if (operand.kind === 'variable') {
      if (!scope.has(operand.name)) throw this.error(`undefined variable: ${operand.name}`);
      value = scope.get(operand.name);
    }
    if (operand.kind === 'chain') {
      if (operand.base.kind === 'nil') throw this.error(`indirection through explicit nil in ${describe(operand)}`);
      value = this.operand(operand.base, dot, scope);
    }
    if (operand.fields.length === 0) {
      this.refuseArguments(words, final);
      return value;
    }
    operand.fields.forEach((field, i) => {
      const last = i === operand.fields.length - 1;
      value = this.field(value, field, operand, last ? words.slice(1) : [], dot, scope, last ? final : NONE);
    });
    return value;
  }

  /** One word as an argument or the start of a chain. */
  private operand(operand: Operand, dot: unknown, scope: Scope): unknown {
    this.at = operand;
    switch (operand.kind) {
      case 'string':
      case 'number':
      case 'bool':
        return operand.value;
      case 'nil':
        return null;
      case 'dot':
        return dot;
      case 'function':
        return this.callFunction(operand.name, operand, [], dot, scope, NONE);
      case 'pipe':
        return this.pipe(operand, dot, scope);
      default:
        return this.fieldsOf(operand, [operand], dot, scope, NONE);
    }
  }

  private field(
    receiver: unknown,
    name: string,
    node: Operand,
    words: readonly Operand[],
    dot: unknown,
    scope: Scope,
    final: unknown,
  ): unknown {
    if (isNil(receiver)) return undefined;
    const member = memberOf(receiver, name);
    if (typeof member === 'function') {
      const { signature } = member as TemplateFunction;
      const call = (...args: never[]) => (member as (...args: never[]) => unknown).apply(receiver, args);
      return this.apply(signature ? Object.assign(call, { signature }) : call, name, node, words, dot, scope, final);
    }
    const isMap = receiver instanceof Map || isPlainObject(receiver);
    if (member === undefined && !isMap && !(receiver instanceof GoStruct && Object.hasOwn(receiver.fields, name))) {
      throw this.error(`can't evaluate field ${name} in type ${typeName(receiver)}`);
    }
    if (words.length > 0 || final !== NONE) {
      const wrong = isMap ? 'is not a method but has arguments' : 'has arguments but cannot be invoked as function';
      throw this.error(`${name} ${wrong}`);
    }
    // A key that is not there gives the zero value of what the map holds (missingkey=zero).
    return member === undefined && isPlainObject(receiver) ? '' : member;
  }

  private callFunction(
    name: string,
    node: Operand | Command,
    words: readonly Operand[],
    dot: unknown,
    scope: Scope,
    final: unknown,
  ): unknown {
    if (name === 'and' || name === 'or') return this.shortCircuit(name, words, dot, scope, final);
    return this.apply(this.context.functions[name], name, node, words, dot, scope, final);
  }

  private shortCircuit(name: string, words: readonly Operand[], dot: unknown, scope: Scope, final: unknown): unknown {
    if (words.length === 0 && final === NONE) {
      throw this.error(`wrong number of args for ${name}: want at least 1 got 0`);
    }
    let value: unknown;
    for (const word of words) {
      value = this.operand(word, dot, scope);
      if (isTrue(value) === (name === 'or')) return value;
    }
    return final === NONE ? value : final;
  }

  private apply(
    callee: TemplateFunction,
    name: string,
    node: Operand | Command,
    words: readonly Operand[],
    dot: unknown,
    scope: Scope,
    final: unknown,
  ): unknown {
    const { signature } = callee;
    const count = words.length + (final === NONE ? 0 : 1);
    if (signature) this.checkCount(name, signature, words.length, count);
    const args = words.map((word, i) => this.argument(word, typeAt(signature, i), dot, scope));
    if (final !== NONE) args.push(this.checked(final, typeAt(signature, count - 1)));
    try {
      return (callee as (...args: readonly unknown[]) => unknown)(...args);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      this.at = node;
      throw this.error(`error calling ${name}: ${reasonOf(error)}`, error);
    }
  }

  private checkCount(name: string, { params, variadic }: Signature, words: number, count: number): void {
    if (variadic !== undefined) {
      if (count >= params.length) return;
      throw this.error(`wrong number of args for ${name}: want at least ${params.length} got ${words}`);
    }
    if (count !== params.length) {
      throw this.error(`wrong number of args for ${name}: want ${params.length} got ${count}`);
    }
  }

  private argument(word: Operand, type: string, dot: unknown, scope: Scope): unknown {
    this.at = word;
    if (word.kind === 'nil' && !canBeNil(type)) throw this.error(`cannot assign nil to ${type}`);
    if (type === 'string' && (word.kind === 'number' || word.kind === 'bool')) {
      throw this.error(`expected string; found ${describe(word)}`);
    }
    if (isConstant(word) && type !== 'any' && type !== 'string') {
      throw this.error(`can't handle ${describe(word)} for arg of type ${type}`);
    }
    return this.checked(this.operand(word, dot, scope), type);
  }

  private checked(value: unknown, type: string): unknown {
    if (type === 'any') return value;
    if (isNil(value)) {
      if (canBeNil(type)) return value;
      throw this.error(`invalid value; expected ${type}`);
    }
    const got = typeName(value);
    if (got !== type) throw this.error(`wrong type for value; expected ${type}; got ${got}`);
    return value;
  }

  private write(text: string): void {
    this.output += text;
    if (this.output.length > OUTPUT_MAX) throw this.error('the template writes too much');
  }

  error(reason: string, cause?: unknown): TemplateError {
    const { name, parseName, source } = this.body;
    if (!this.at) return new TemplateError(`template: ${name}: ${reason}`, { cause });
    const before = source.slice(0, this.at.at);
    const line = 1 + (before.match(/\n/g)?.length ?? 0);
    const column = Buffer.byteLength(before.slice(before.lastIndexOf('\n') + 1));
    const where = `${parseName}:${line}:${column}: executing ${JSON.stringify(name)} at <${describe(this.at)}>`;
    return new TemplateError(`template: ${where}: ${reason}`, { cause });
  }
}

function isConstant({ kind }: Operand): boolean {
  return kind === 'string' || kind === 'number' || kind === 'bool';
}

/** Our functions fail with a TypeError where Go's would follow a nil pointer. */
function reasonOf(error: unknown): string {
  if (error instanceof TypeError) return 'runtime error: invalid memory address or nil pointer dereference';
  return (error as Error).message;
}

/** The type of the argument at this index. */
function typeAt(signature: Signature | undefined, i: number): string {
  return signature?.params[i] ?? signature?.variadic ?? 'any';
}

/** A field, entry or method; nothing that every JavaScript object has (`constructor`, `__proto__` …). */
function memberOf(owner: unknown, name: string): unknown {
  const method = typeof owner === 'object' && owner !== null ? givenMethod(owner, name) : undefined;
  if (method) return method;
  if (owner instanceof Map) return owner.get(name);
  if (owner instanceof GoStruct) return Object.hasOwn(owner.fields, name) ? owner.fields[name] : undefined;
  if (typeof owner !== 'object' || owner === null) return undefined;
  if (Object.hasOwn(owner, name))
    return Array.isArray(owner) ? methodOf(owner, name) : (owner as Readonly<Record<string, unknown>>)[name];
  const proto: unknown = Object.getPrototypeOf(owner);
  const builtIn = proto === null || proto === Object.prototype || proto === Array.prototype;
  if (builtIn || name === 'constructor' || name in Object.prototype) return undefined;
  return (owner as Readonly<Record<string, unknown>>)[name];
}

/** Of what an array has itself, only methods that were given to it. */
function methodOf(owner: readonly unknown[], name: string): unknown {
  const member = (owner as unknown as Readonly<Record<string, unknown>>)[name];
  return typeof member === 'function' ? member : undefined;
}
