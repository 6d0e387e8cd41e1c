import { expect, test } from 'vitest';
import { alignTabs } from './tab-writer.ts';

// what Go's tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) writes
test.each([
  ['', ''],
  ['a\tb\t\nlong\tc\t\n', 'a     b  \nlong  c  \n'],
  ['é\tb\nlong\tc\n', 'é     b\nlong  c\n'],
  ['ID\tComment\t\n1\ttwo\nlines\there\t\n', 'ID     Comment  \n1      two\nlines  here  \n'],
  ['a\tb\n\nlonger\tc\n', 'a  b\n\nlonger  c\n'],
  ['\t\t\nx\ty\t\n', '      \nx  y  \n'],
])('%j', (text, aligned) => {
  expect(alignTabs(text)).toBe(aligned);
});
