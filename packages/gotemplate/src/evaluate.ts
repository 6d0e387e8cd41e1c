import { type Body, type Command, type Node, type Operand, type Pipe, TemplateError } from './ast.ts';
import { describe } from './describe.ts';
import { memberOf } from './member.ts';
import type { Scope } from './scope.ts';
import {
  canBeNil,
  GoStruct,
  isNil,
  isPlainObject,
  isTrue,
  type Signature,
  type TemplateFunction,
  type TemplateFunctions,
  typeName,
} from './values.ts';

/** No value comes from the command before. */
const NONE = Symbol('none');

/** Evaluates the pipelines of an execution, and says where it is when something fails. */
export class Evaluation {
  /** What was looked at last: where an error happened. */
  at: Node | Operand | Command | null = null;

  constructor(
    private readonly functions: TemplateFunctions,
    /** The template that is being executed. */
    public body: Body,
  ) {}

  /** A pipeline's value, its variables set in `scope`. */
  pipe(pipe: Pipe, dot: unknown, scope: Scope): unknown {
    const value = this.value(pipe, dot, scope);
    for (const name of pipe.variables) this.set(scope, pipe.assigns, name, value);
    return value;
  }

  /** A pipeline's value; its variables are the caller's. */
  value(pipe: Pipe, dot: unknown, scope: Scope): unknown {
    this.at = pipe;
    let value: unknown = NONE;
    for (const command of pipe.commands) value = this.command(command, dot, scope, value);
    return value;
  }

  /** Declares a variable, or sets one that there is. */
  set(scope: Scope, assigns: boolean, name: string, value: unknown): void {
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
    return this.apply(this.functions[name], name, node, words, dot, scope, final);
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
