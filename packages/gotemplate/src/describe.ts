import type { Command, Node, Operand, Pipe } from './ast.ts';

/** A part of a template in Go's canonical form, as errors show it. */
export function describe(node: Node | Operand | Command): string {
  switch (node.kind) {
    case 'text':
      return node.text;
    case 'action':
      return `{{${describePipe(node.pipe)}}}`;
    case 'if':
    case 'with':
    case 'range': {
      const otherwise = node.otherwise ? `{{else}}${describeAll(node.otherwise)}` : '';
      return `{{${node.kind} ${describePipe(node.pipe)}}}${describeAll(node.body)}${otherwise}{{end}}`;
    }
    case 'template':
      return `{{template ${JSON.stringify(node.name)}${node.pipe ? ` ${describePipe(node.pipe)}` : ''}}}`;
    case 'break':
    case 'continue':
      return `{{${node.kind}}}`;
    case 'command':
      return node.words.map(inCommand).join(' ');
    case 'pipe':
      return describePipe(node);
    default:
      return describeOperand(node);
  }
}

function describeAll(nodes: readonly Node[]): string {
  return nodes.map(describe).join('');
}

function describePipe({ variables, assigns, commands }: Pipe): string {
  const declared = variables.length > 0 ? `${variables.join(', ')} ${assigns ? '=' : ':='} ` : '';
  return declared + commands.map(describe).join(' | ');
}

function inCommand(word: Operand): string {
  return word.kind === 'pipe' ? `(${describePipe(word)})` : describeOperand(word);
}

function describeOperand(operand: Exclude<Operand, Pipe> | Pipe): string {
  switch (operand.kind) {
    case 'pipe':
      return describePipe(operand);
    case 'string':
      return operand.quoted;
    case 'number':
      return operand.text;
    case 'bool':
      return String(operand.value);
    case 'nil':
      return 'nil';
    case 'dot':
      return '.';
    case 'function':
      return operand.name;
    case 'field':
      return `.${operand.fields.join('.')}`;
    case 'variable':
      return [operand.name, ...operand.fields].join('.');
    case 'chain':
      return `${inCommand(operand.base)}.${operand.fields.join('.')}`;
    default:
      return operand satisfies never;
  }
}
