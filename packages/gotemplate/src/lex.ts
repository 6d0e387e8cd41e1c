import { TemplateError } from './ast.ts';

export type Token =
  | { readonly kind: 'text'; readonly text: string; readonly line: number }
  | { readonly kind: 'open' | 'close'; readonly text: string; readonly line: number }
  | {
      readonly kind: 'word' | 'field' | 'variable' | 'string' | 'number' | 'char' | 'symbol' | 'space';
      readonly text: string;
      readonly line: number;
    };

const INSIDE =
  /(?<space>[ \t\r\n]+)|(?<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?<char>'(?:[^'\\\n]|\\.)+')|(?<number>[+-]?(?:0[xX][0-9a-fA-F_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))|(?<variable>\$[\p{L}\p{N}_]*)|(?<field>\.[\p{L}_][\p{L}\p{N}_]*)|(?<word>[\p{L}_][\p{L}\p{N}_]*)|(?<symbol>:=|[=|(),.])/uy;

/**
 * Cuts a template into text and the tokens of its actions. `{{-` and `-}}` trim the text beside them; comments
 * vanish. @throws TemplateError
 */
export function lex(name: string, source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  let trimNext = false;
  const countLines = (from: number, to: number) => {
    for (let i = source.indexOf('\n', from); i >= 0 && i < to; i = source.indexOf('\n', i + 1)) line++;
  };
  const pushText = (text: string) => {
    const kept = trimNext ? text.trimStart() : text;
    trimNext = false;
    if (kept !== '') tokens.push({ kind: 'text', text: kept, line });
  };
  while (at < source.length) {
    const open = source.indexOf('{{', at);
    if (open < 0) {
      pushText(source.slice(at));
      break;
    }
    const trimsBefore = /^\{\{-[ \t\r\n]/.test(source.slice(open, open + 4));
    const text = source.slice(at, open);
    pushText(trimsBefore ? text.trimEnd() : text);
    countLines(at, open);
    let inside = open + (trimsBefore ? 3 : 2);
    const comment = /^\s*\/\*[\s\S]*?\*\/(?: -|)\}\}/.exec(source.slice(inside));
    if (comment) {
      trimNext = comment[0].endsWith(' -}}');
      countLines(open, inside + comment[0].length);
      at = inside + comment[0].length;
      continue;
    }
    tokens.push({ kind: 'open', text: '{{', line });
    for (;;) {
      const close = /^(?:[ \t\r\n]+-|)\}\}/.exec(source.slice(inside, inside + 200));
      if (close) {
        trimNext = close[0].length > 2;
        countLines(inside, inside + close[0].length);
        inside += close[0].length;
        break;
      }
      INSIDE.lastIndex = inside;
      const match = INSIDE.exec(source);
      if (!match) {
        const found = source.charAt(inside);
        throw new TemplateError(
          name,
          line,
          found === '' ? 'unclosed action' : `unexpected ${JSON.stringify(found)} in action`,
        );
      }
      const kind = Object.entries(match.groups ?? {}).find(([, value]) => value !== undefined)?.[0] as 'word';
      tokens.push({ kind, text: match[0], line });
      countLines(inside, INSIDE.lastIndex);
      inside = INSIDE.lastIndex;
    }
    tokens.push({ kind: 'close', text: '}}', line });
    at = inside;
  }
  return tokens;
}
