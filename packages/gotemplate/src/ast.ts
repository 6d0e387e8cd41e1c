/** What every node has: where it begins in the source, in code units. */
interface Placed {
  readonly at: number;
}

export type Node =
  | ({ readonly kind: 'text'; readonly text: string } & Placed)
  | ({ readonly kind: 'action'; readonly pipe: Pipe } & Placed)
  | ({ readonly kind: 'if' | 'with' | 'range' } & Branch & Placed)
  | ({ readonly kind: 'template'; readonly name: string; readonly pipe: Pipe | null } & Placed)
  | ({ readonly kind: 'break' } & Placed)
  | ({ readonly kind: 'continue' } & Placed);

interface Branch {
  readonly pipe: Pipe;
  readonly body: readonly Node[];
  /** Null where there is no `else`. */
  readonly otherwise: readonly Node[] | null;
}

export type BranchNode = Extract<Node, { kind: 'if' | 'with' | 'range' }>;

/** `$a, $b := command | command …` */
export interface Pipe extends Placed {
  readonly kind: 'pipe';
  readonly variables: readonly string[];
  /** `=` sets variables that exist, `:=` declares them. */
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

export interface Command extends Placed {
  readonly kind: 'command';
  readonly words: readonly Operand[];
}

/** One word of a command. */
export type Operand =
  | Pipe
  | ({ readonly kind: 'string'; readonly value: string; readonly quoted: string } & Placed)
  | ({ readonly kind: 'number'; readonly value: bigint | number; readonly text: string } & Placed)
  | ({ readonly kind: 'bool'; readonly value: boolean } & Placed)
  | ({ readonly kind: 'nil' | 'dot' } & Placed)
  | ({ readonly kind: 'function'; readonly name: string } & Placed)
  | ({ readonly kind: 'field'; readonly fields: readonly string[] } & Placed)
  | ({ readonly kind: 'variable'; readonly name: string; readonly fields: readonly string[] } & Placed)
  | ({ readonly kind: 'chain'; readonly base: Operand; readonly fields: readonly string[] } & Placed);

/** A template as parsed: nodes, and the source they point into. */
export interface Body {
  readonly name: string;
  /** The name of the text that it was defined in, and that text. */
  readonly parseName: string;
  readonly source: string;
  readonly nodes: readonly Node[];
}

/** A template that cannot be parsed or executed; worded `template: NAME:LINE:…` as Go words it. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}
