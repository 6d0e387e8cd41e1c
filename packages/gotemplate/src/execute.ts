import { Slices } from '@avalanche/model';
import type { Body, BranchNode, Node, Pipe } from './ast.ts';
import { describe } from './describe.ts';
import { Evaluation } from './evaluate.ts';
import { printValue } from './print.ts';
import { Scope } from './scope.ts';
import { isNil, isPlainObject, isTrue, type TemplateFunctions } from './values.ts';

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
  private readonly pipelines: Evaluation;

  constructor(
    private readonly context: ExecutionContext,
    body: Body,
    data: unknown,
  ) {
    this.pipelines = new Evaluation(context.functions, body);
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
      throw this.pipelines.error('the template is nested too deeply');
    }
    return true;
  }

  private enter(nodes: readonly Node[], dot: unknown, scope: Scope, atEnd?: Frame['atEnd']): void {
    this.frames.push({ nodes, next: 0, dot, scope, isRange: false, ...(atEnd ? { atEnd } : {}) });
  }

  private node(node: Node, { dot, scope }: Frame): void {
    this.pipelines.at = node;
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
    const value = this.pipelines.pipe(node.pipe, dot, scope);
    if (node.pipe.variables.length > 0) return;
    this.pipelines.at = node;
    this.write(this.context.render(this.printed(value, node.pipe), value));
  }

  /** Leaves what stands within the innermost range, which the parser has seen to be there. */
  private leaveToRange(): Frame | undefined {
    while (this.frames.length > 0 && !this.frames.at(-1)?.isRange) this.frames.pop();
    return this.frames.at(-1);
  }

  private step(): void {
    if (++this.steps > STEPS_MAX) throw this.pipelines.error('the template takes too many steps');
  }

  private printed(value: unknown, pipe: Pipe): string {
    if (typeof value === 'function') throw this.pipelines.error(`can't print ${describe(pipe)} of type func`);
    return printValue(value);
  }

  private branch(node: BranchNode, dot: unknown, scope: Scope): void {
    const value = this.pipelines.pipe(node.pipe, dot, scope);
    if (isTrue(value)) this.enter(node.body, node.kind === 'with' ? value : dot, scope);
    else if (node.otherwise) this.enter(node.otherwise, dot, scope);
  }

  private range(node: BranchNode, dot: unknown, outer: Scope): void {
    const { variables, assigns } = node.pipe;
    const over = this.pipelines.value(node.pipe, dot, outer);
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
      if (variables.length > 1) this.pipelines.set(target, assigns, variables[0], key);
      if (variables.length > 0) this.pipelines.set(target, assigns, variables[variables.length - 1], value);
      return true;
    };
    const frame: Frame = { nodes: node.body, next: 0, dot, scope: outer, isRange: true, atEnd: isNext };
    if (isNext(frame)) this.frames.push(frame);
    else if (node.otherwise) this.enter(node.otherwise, dot, outer);
  }

  private *entriesOf(over: unknown, variables: number): Generator<readonly [unknown, unknown]> {
    if (isNil(over)) return;
    if (typeof over === 'bigint') {
      if (variables > 1) throw this.pipelines.error(`can't use ${over} to iterate over more than one variable`);
      for (let i = 0n; i < over; i++) yield [undefined, i];
    } else if (Array.isArray(over)) {
      for (let i = 0; i < over.length; i++) yield [BigInt(i), over[i]];
    } else if (over instanceof Map || isPlainObject(over)) {
      const entries: (readonly [unknown, unknown])[] = over instanceof Map ? [...over] : Object.entries(over);
      yield* entries.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    } else throw this.pipelines.error(`range can't iterate over ${printValue(over)}`);
  }

  private call(name: string, pipe: Pipe | null, dot: unknown, scope: Scope): void {
    const body = this.context.definition(name);
    if (!body) throw this.pipelines.error(`template ${JSON.stringify(name)} not defined`);
    if (this.depth === CALL_DEPTH_MAX)
      throw this.pipelines.error(`exceeded maximum template depth (${CALL_DEPTH_MAX})`);
    const data = pipe ? this.pipelines.pipe(pipe, dot, scope) : undefined;
    const before = this.pipelines.body;
    this.pipelines.body = body;
    this.depth++;
    this.enter(body.nodes, data, new Scope(undefined).declare('$', data), () => {
      this.depth--;
      this.pipelines.body = before;
      return false;
    });
  }

  private write(text: string): void {
    this.output += text;
    if (this.output.length > OUTPUT_MAX) throw this.pipelines.error('the template writes too much');
  }
}
