import { Matcher, type MatchType, METRIC_NAME } from '@avalanche/model';
import type { TokenReader } from './token-reader.ts';

const OPERATORS: readonly string[] = ['=', '!=', '=~', '!~'];

/** Reads `{a="b", "c"}` and appends its matchers; returns where the braces end. */
export function readMatchers(reader: TokenReader, matchers: Matcher[]): number {
  reader.expect('{');
  while (reader.peek() !== '}') {
    matchers.push(readMatcher(reader));
    if (reader.accept(',')) continue;
    if (reader.peek() !== '}') reader.unexpected(' in label matching, expected "," or "}"');
  }
  return reader.take().to;
}

/** Reads one matcher; a name in quotes on its own is that of the metric. */
function readMatcher(reader: TokenReader): Matcher {
  const kind = reader.peek();
  if (kind !== 'identifier' && kind !== 'string') {
    reader.unexpected(' in label matching, expected identifier or "}"');
  }
  const token = reader.take();
  const name = kind === 'string' ? reader.string(token) : token.text;
  const operator = reader.peek();
  if (!OPERATORS.includes(operator)) {
    if (kind === 'string') return new Matcher('=', METRIC_NAME, name);
    reader.unexpected(' in label matching, expected label matching operator');
  }
  reader.take();
  if (reader.peek() !== 'string') reader.unexpected(' in label matching, expected string');
  const value = reader.string(reader.take());
  try {
    return new Matcher(operator as MatchType, name, value);
  } catch (error) {
    return reader.fail(token.from, (error as Error).message);
  }
}
