import { type Node, type Operand, type Pipe, TemplateError } from './ast.ts';
import { isTrue, type TemplateFunctions } from './builtins.ts';
import { printValue } from './printf.ts';

const CALL_DEPTH_MAX = 100;
/** A template cannot write more than this (characters). */
const OUTPUT_MAX = 16 * 1024 * 1024;
/** Nor take more steps: a nested range over its own output would go on for hours. */
const STEPS_MAX = 5_000_000;

export interface ExecutionContext {
  readonly name: string;
  readonly functions: TemplateFunctions;
  readonly definition: (name: string) => readonly Node[] | undefined;
  /** What becomes of a value that an action writes; text is written as it is. */
  readonly render: (text: string, value: unknown) => string;
}

const BREAK = Symbol('break');
const CONTINUE = Symbol('continue');
type Signal = typeof BREAK | typeof CONTINUE | undefined;

/** Runs a parsed template over `data`. @throws TemplateError with the line of the action that failed */
export function execute(context: ExecutionContext, nodes: readonly Node[], data: unknown): string {
  const run = new Execution(context);
  run.list(nodes, data, new Scope(undefined).declare('$', data));
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

  assign(name: string, value: unknown): void {
    if (this.values.has(name) || !this.parent) this.values.set(name, value);
    else this.parent.assign(name, value);
  }

  get(name: string): unknown {
    return this.values.has(name) || !this.parent ? this.values.get(name) : this.parent.get(name);
  }
}

class Execution {
  output = '';
  private depth = 0;
  private steps = 0;
  private line = 1;

  constructor(private readonly context: ExecutionContext) {}

  list(nodes: readonly Node[], dot: unknown, scope: Scope): Signal {
    for (const node of nodes) {
      const signal = this.node(node, dot, scope);
      if (signal) return signal;
    }
    return undefined;
  }

  private node(node: Node, dot: unknown, scope: Scope): Signal {
    if (++this.steps > STEPS_MAX) throw this.error('the template takes too many steps');
    switch (node.kind) {
      case 'text':
        this.write(node.text);
        return undefined;
      case 'action': {
        this.line = node.at.line;
        const value = this.pipe(node.pipe, dot, scope);
        if (node.pipe.variables.length === 0) this.write(this.context.render(printValue(value), value));
        return undefined;
      }
      case 'if':
      case 'with':
        return this.chain(node, dot, new Scope(scope));
      case 'range':
        this.line = node.at.line;
        return this.range(node, dot, scope);
      case 'template':
        this.line = node.at.line;
        this.call(node.name, node.pipe ? this.pipe(node.pipe, dot, scope) : undefined);
        return undefined;
      case 'break':
        return BREAK;
      case 'continue':
        return CONTINUE;
      default:
        return node satisfies never;
    }
  }

  private chain(node: Extract<Node, { kind: 'if' | 'with' }>, dot: unknown, scope: Scope): Signal {
    for (const { pipe, body, at } of node.branches) {
      this.line = at.line;
      const value = this.pipe(pipe, dot, scope);
      if (isTrue(value)) return this.list(body, node.kind === 'with' ? value : dot, new Scope(scope));
    }
    return this.list(node.otherwise, dot, new Scope(scope));
  }

  private range(node: Extract<Node, { kind: 'range' }>, dot: unknown, outer: Scope): Signal {
    const { variables } = node.pipe;
    const over = this.value({ ...node.pipe, variables: [] }, dot, outer);
    const entries = this.entriesOf(over);
    if (entries.length === 0) return this.list(node.otherwise, dot, new Scope(outer));
    for (const [key, value] of entries) {
      const scope = new Scope(outer);
      if (variables.length === 1) scope.declare(variables[0], value);
      if (variables.length === 2) scope.declare(variables[0], key).declare(variables[1], value);
      if (this.list(node.body, value, scope) === BREAK) break;
    }
    return undefined;
  }

  private entriesOf(over: unknown): (readonly [unknown, unknown])[] {
    if (over === null || over === undefined) return [];
    if (Array.isArray(over)) return over.map((value, i) => [i, value] as const);
    if (typeof over === 'number') return Array.from({ length: Math.min(over, STEPS_MAX) }, (_, i) => [i, i] as const);
    if (over instanceof Map) return [...over].sort(([a], [b]) => (a < b ? -1 : 1));
    if (typeof over === 'object') return Object.entries(over).sort(([a], [b]) => (a < b ? -1 : 1));
    throw this.error(`range can't iterate over ${printValue(over)}`);
  }

  private call(name: string, data: unknown): void {
    const body = this.context.definition(name);
    if (!body) throw this.error(`template ${JSON.stringify(name)} not defined`);
    if (++this.depth > CALL_DEPTH_MAX) throw this.error(`exceeded maximum template depth (${CALL_DEPTH_MAX})`);
    this.list(body, data, new Scope(undefined).declare('$', data));
    this.depth--;
  }

  /** A pipeline's value, its variables set in `scope`. */
  private pipe(pipe: Pipe, dot: unknown, scope: Scope): unknown {
    const value = this.value(pipe, dot, scope);
    for (const name of pipe.variables) {
      if (pipe.assigns) scope.assign(name, value);
      else scope.declare(name, value);
    }
    return value;
  }

  private value(pipe: Pipe, dot: unknown, scope: Scope): unknown {
    let value: unknown;
    pipe.commands.forEach((command, i) => {
      value = this.command(command, dot, scope, i === 0 ? [] : [value]);
    });
    return value;
  }

  private command(operands: readonly Operand[], dot: unknown, scope: Scope, final: readonly unknown[]): unknown {
    const [first, ...rest] = operands;
    const { base, fields } = first;
    if (base.kind === 'function' && fields.length === 0) return this.callFunction(base.name, rest, dot, scope, final);
    const args = () => [...rest.map((operand) => this.operand(operand, dot, scope)), ...final];
    const value = this.base(first, dot, scope);
    if (fields.length === 0) {
      if (rest.length > 0 || final.length > 0) throw this.error("can't give argument to non-function");
      return value;
    }
    return this.fields(value, fields, args());
  }

  private callFunction(
    name: string,
    operands: readonly Operand[],
    dot: unknown,
    scope: Scope,
    final: readonly unknown[],
  ) {
    if (name === 'and' || name === 'or') {
      const stopsAt = name === 'or';
      let value: unknown;
      for (const operand of operands) {
        value = this.operand(operand, dot, scope);
        if (isTrue(value) === stopsAt) return value;
      }
      return final.length > 0 ? final[0] : value;
    }
    const args = [...operands.map((operand) => this.operand(operand, dot, scope)), ...final];
    try {
      return (this.context.functions[name] as (...args: readonly unknown[]) => unknown)(...args);
    } catch (error) {
      throw this.error(`error calling ${name}: ${(error as Error).message}`);
    }
  }

  private operand(operand: Operand, dot: unknown, scope: Scope): unknown {
    return this.fields(this.base(operand, dot, scope), operand.fields, []);
  }

  private base({ base }: Operand, dot: unknown, scope: Scope): unknown {
    switch (base.kind) {
      case 'literal':
        return base.value;
      case 'dot':
        return dot;
      case 'variable':
        return scope.get(base.name);
      case 'function':
        return this.callFunction(base.name, [], dot, scope, []);
      case 'pipe':
        return this.pipe(base.pipe, dot, scope);
      default:
        return base satisfies never;
    }
  }

  /** Follows `.a.b.c`; a method is called, the last one with `args`. A key that is missing gives '' (missingkey=zero). */
  private fields(start: unknown, fields: readonly string[], args: readonly unknown[]): unknown {
    let value = start;
    fields.forEach((field, i) => {
      if (value === null || value === undefined) throw this.error(`nil pointer evaluating interface {}.${field}`);
      if (typeof value !== 'object') throw this.error(`can't evaluate field ${field} in type ${typeof value}`);
      const owner = value;
      const member = owner instanceof Map ? owner.get(field) : memberOf(owner, field);
      if (typeof member === 'function') {
        value = (member as (...args: readonly unknown[]) => unknown).apply(
          owner,
          i === fields.length - 1 ? [...args] : [],
        );
      } else value = member ?? '';
    });
    return value;
  }

  private write(text: string): void {
    this.output += text;
    if (this.output.length > OUTPUT_MAX) throw this.error('the template writes too much');
  }

  private error(reason: string): TemplateError {
    return new TemplateError(this.context.name, this.line, `executing ${JSON.stringify(this.context.name)}: ${reason}`);
  }
}

/** A field or method of an object; nothing that every JavaScript object has (`constructor`, `__proto__` …). */
function memberOf(owner: object, field: string): unknown {
  if (Object.hasOwn(owner, field)) return (owner as Record<string, unknown>)[field];
  const proto: unknown = Object.getPrototypeOf(owner);
  if (proto === null || proto === Object.prototype || field === 'constructor') return undefined;
  return field in Object.prototype ? undefined : (owner as Record<string, unknown>)[field];
}
