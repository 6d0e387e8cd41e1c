const PADDING = 2;

/**
 * Aligns cells that end with a tab, as Go's tabwriter does with a padding of two blanks and no least width: neighbouring
 * lines share the width of a column as long as each of them has the column.
 */
export function alignTabs(text: string): string {
  const lines = text.split(/\n|\f/).map((line) => line.split(/\t|\v/));
  const widths: number[][] = lines.map(() => []);
  layOut(lines, widths, 0, lines.length, 0);
  return lines.map((cells, i) => cells.map((cell, j) => padded(cell, widths[i][j])).join('')).join('\n');
}

/** Gives each run of lines that have a `column` its width, and then the columns behind it theirs. */
function layOut(lines: string[][], widths: number[][], from: number, to: number, column: number): void {
  for (let first = from; first < to; first++) {
    let end = first;
    // the last cell of a line ends with no tab and belongs to no column
    while (end < to && column < lines[end].length - 1) end++;
    if (end === first) continue;
    const width = Math.max(...lines.slice(first, end).map((cells) => lengthOf(cells[column]) + PADDING));
    for (let i = first; i < end; i++) widths[i][column] = width;
    layOut(lines, widths, first, end, column + 1);
    first = end - 1;
  }
}

function padded(cell: string, width: number | undefined): string {
  return width === undefined ? cell : cell + ' '.repeat(width - lengthOf(cell));
}

/** In characters. */
function lengthOf(cell: string): number {
  return [...cell].length;
}
