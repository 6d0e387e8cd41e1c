/** A node with what hangs below it. */
export interface Tree {
  readonly text: string;
  readonly below: readonly Tree[];
}

/** A tree below a dot, drawn with lines. */
export function printTree(tree: Tree): string {
  return `.\n${branches([tree], '')}`;
}

function branches(trees: readonly Tree[], indent: string): string {
  return trees
    .map(({ text, below }, i) => {
      const isLast = i === trees.length - 1;
      const next = indent + (isLast ? '    ' : '│   ');
      return `${indent}${isLast ? '└──' : '├──'} ${text}\n${branches(below, next)}`;
    })
    .join('');
}
