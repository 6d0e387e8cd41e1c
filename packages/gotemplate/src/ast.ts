/** Where a node begins in its template, for errors. */
export interface Position {
  readonly line: number;
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe; readonly at: Position }
  | { readonly kind: 'if'; readonly branches: readonly Branch[]; readonly otherwise: readonly Node[] }
  | { readonly kind: 'with'; readonly branches: readonly Branch[]; readonly otherwise: readonly Node[] }
  | {
      readonly kind: 'range';
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
      readonly at: Position;
    }
  | { readonly kind: 'template'; readonly name: string; readonly pipe: Pipe | null; readonly at: Position }
  | { readonly kind: 'break' }
  | { readonly kind: 'continue' };

/** One condition of an if or with chain and what it guards. */
export interface Branch {
  readonly pipe: Pipe;
  readonly body: readonly Node[];
  readonly at: Position;
}

/** `$a, $b := command | command …` */
export interface Pipe {
  readonly variables: readonly string[];
  /** `=` sets variables that exist, `:=` declares them. */
  readonly assigns: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

/** One word of a command: a value with a chain of fields behind it. */
export interface Operand {
  readonly base: Base;
  readonly fields: readonly string[];
}

export type Base =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe };

/** A template that cannot be parsed or executed; worded `template: NAME:LINE: …` as Go words it. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';

  constructor(template: string, line: number, reason: string, options?: ErrorOptions) {
    super(`template: ${template}:${line}: ${reason}`, options);
  }
}
