/** What a regular expression, anchored at both ends, says of the texts it accepts. */
export interface RegexLiterals {
  /** All accepted texts, where they are few and can be listed; else null. */
  readonly set: readonly string[] | null;
  /** Every accepted text begins and ends with these. */
  readonly prefix: string;
  readonly suffix: string;
}

const SET_MAX = 256;
const NOTHING_KNOWN: RegexLiterals = { set: null, prefix: '', suffix: '' };

/**
 * Reads literals out of an RE2 expression: alternations, groups, classes and optional parts of literals become a set
 * (`(GET|POST)`, `node-[12]`, `a?b`), otherwise what stands before and after the first and last open part is kept. What
 * is not understood counts as open. The expression must be valid.
 */
export function regexLiterals(pattern: string): RegexLiterals {
  if (/\(\?(?!:)/.test(pattern)) return NOTHING_KNOWN; // flags such as (?i) change what literals mean
  const reader = new Reader(pattern);
  const known = reader.alternation();
  return reader.understood && reader.atEnd ? known : NOTHING_KNOWN;
}

class Reader {
  understood = true;
  private at = 0;

  constructor(private readonly pattern: string) {}

  get atEnd(): boolean {
    return this.at === this.pattern.length;
  }

  alternation(): RegexLiterals {
    let known = this.sequence();
    while (this.understood && this.peek() === '|') {
      this.at++;
      known = either(known, this.sequence());
    }
    return known;
  }

  private sequence(): RegexLiterals {
    let known = literal('');
    while (this.understood && !this.atEnd && this.peek() !== '|' && this.peek() !== ')') {
      known = then(known, this.repeated(this.item()));
    }
    return known;
  }

  private item(): RegexLiterals {
    const c = this.next();
    if (c === '(') return this.group();
    if (c === '[') return this.charClass();
    if (c === '\\') return this.escaped();
    if (c === '.') return NOTHING_KNOWN;
    if ('^$*+?{}'.includes(c)) this.understood = false;
    return literal(c);
  }

  private group(): RegexLiterals {
    if (this.pattern.startsWith('?:', this.at)) this.at += 2;
    const known = this.alternation();
    if (this.next() !== ')') this.understood = false;
    return known;
  }

  /** `[abc]` and `[0-9a-f]`; negated, named and escaped ones are open. */
  private charClass(): RegexLiterals {
    const end = this.pattern.indexOf(']', this.at + 1);
    const body = this.pattern.slice(this.at, end);
    if (end < 0 || /[\\^[\]]/.test(body) || !isPlain(body)) {
      this.understood = false;
      return NOTHING_KNOWN;
    }
    this.at = end + 1;
    const set: string[] = [];
    for (const [, first, last = first] of body.matchAll(/(.)(?:-(.))?/gs)) {
      const end = Math.min(last.charCodeAt(0), first.charCodeAt(0) + SET_MAX); // more than SET_MAX are open anyway
      for (let code = first.charCodeAt(0); code <= end; code++) set.push(String.fromCharCode(code));
    }
    return setOf(set);
  }

  private escaped(): RegexLiterals {
    const c = this.next();
    if (/[a-zA-Z0-9]/.test(c) || c === '') this.understood = false;
    return literal(c);
  }

  private repeated(known: RegexLiterals): RegexLiterals {
    const c = this.peek();
    if (c !== '*' && c !== '+' && c !== '?' && c !== '{') return known;
    this.at++;
    if (c === '{') {
      this.understood = false;
      return NOTHING_KNOWN;
    }
    if (this.peek() === '?') this.at++; // lazy: the same texts
    if (c === '?') return either(known, literal(''));
    return c === '+' ? { set: null, prefix: known.prefix, suffix: known.suffix } : NOTHING_KNOWN;
  }

  private peek(): string {
    return this.pattern[this.at] ?? '';
  }

  private next(): string {
    return this.pattern[this.at++] ?? '';
  }
}

/** Whether no character takes two UTF-16 units, which a class would take apart. */
function isPlain(text: string): boolean {
  return !/[\ud800-\udfff]/.test(text);
}

function literal(text: string): RegexLiterals {
  return { set: [text], prefix: text, suffix: text };
}

function setOf(texts: readonly string[]): RegexLiterals {
  const set = [...new Set(texts)];
  return { set: set.length <= SET_MAX ? set : null, prefix: commonPrefix(set), suffix: commonSuffix(set) };
}

function then(a: RegexLiterals, b: RegexLiterals): RegexLiterals {
  if (a.set && b.set && a.set.length * b.set.length <= SET_MAX) {
    const tails = b.set;
    return setOf(a.set.flatMap((head) => tails.map((tail) => head + tail)));
  }
  const prefix = a.set?.length === 1 ? a.set[0] + b.prefix : a.prefix;
  const suffix = b.set?.length === 1 ? a.suffix + b.set[0] : b.suffix;
  return { set: null, prefix, suffix };
}

function either(a: RegexLiterals, b: RegexLiterals): RegexLiterals {
  if (a.set && b.set && a.set.length + b.set.length <= SET_MAX) return setOf([...a.set, ...b.set]);
  return { set: null, prefix: commonPrefix([a.prefix, b.prefix]), suffix: commonSuffix([a.suffix, b.suffix]) };
}

function commonPrefix(texts: readonly string[]): string {
  let prefix = texts[0] ?? '';
  for (const text of texts) {
    let length = 0;
    while (length < prefix.length && text[length] === prefix[length]) length++;
    prefix = prefix.slice(0, length);
  }
  return prefix;
}

function commonSuffix(texts: readonly string[]): string {
  let suffix = texts[0] ?? '';
  for (const text of texts) {
    let length = 0;
    while (length < suffix.length && text[text.length - 1 - length] === suffix[suffix.length - 1 - length]) length++;
    suffix = suffix.slice(suffix.length - length);
  }
  return suffix;
}
