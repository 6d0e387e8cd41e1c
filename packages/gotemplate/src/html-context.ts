import { encodeUrl, escapeAttribute, escapeText, filterCss, filterUrl, UNSAFE } from './html-escape.ts';
import { isNil, SafeUrl } from './values.ts';

/** What an attribute holds, by its name (html/template's attrTypeMap, as far as it makes a difference here). */
type AttributeKind = 'plain' | 'url' | 'css' | 'unsafe';

const URL_ATTRIBUTES = new Set([
  ...['action', 'archive', 'background', 'cite', 'classid', 'codebase', 'data', 'formaction', 'href', 'icon'],
  ...['longdesc', 'manifest', 'poster', 'profile', 'src', 'usemap', 'xmlns'],
]);
/** What is written there could run, or change what the rest means. */
const UNSAFE_ATTRIBUTES = new Set(['srcdoc', 'srcset']);

function attributeKind(name: string): AttributeKind {
  const lower = name.toLowerCase();
  if (lower.startsWith('xmlns:')) return 'url';
  const short = lower.startsWith('data-') ? lower.slice(5) : lower.replace(/^[^:]*:/, '');
  if (short === 'style') return 'css';
  if (URL_ATTRIBUTES.has(short)) return 'url';
  if (UNSAFE_ATTRIBUTES.has(short) || short.startsWith('on')) return 'unsafe';
  return /src|uri|url/.test(short) ? 'url' : 'plain';
}

type State = 'text' | 'comment' | 'element' | 'tag' | 'name' | 'afterName' | 'beforeValue' | 'value';

/** Elements whose text is not markup; what they hold ends with their own end tag. */
const TEXT_ELEMENTS = new Set(['script', 'style', 'textarea', 'title']);
/** Where a value could run or restyle the page. */
const CODE_ELEMENTS = new Set(['script', 'style']);

/**
 * Follows the HTML that a template writes, so that each value is escaped for the place where it stands, as html/template
 * does. Unlike there the place is followed as it is written, not worked out beforehand. Values in scripts, style sheets,
 * event handlers, `srcset` and `srcdoc` are refused (`ZgotmplZ`) where html/template would quote them.
 */
export class HtmlContext {
  private state: State = 'text';
  /** The element whose tag or text this is. */
  private element = '';
  private closing = false;
  /** Whether the element's name may still go on. */
  private naming = false;
  private attribute = '';
  private kind: AttributeKind = 'plain';
  private quote = '';
  /** What the template itself has written of the attribute's value. */
  private written = '';

  /** Text of the template: written as it is, without its comments. */
  literal(text: string): string {
    let out = '';
    for (let at = 0; at < text.length; ) {
      const before = this.state;
      const end = this.step(text, at);
      if (before !== 'comment') {
        const piece = text.slice(at, end);
        out += this.state === 'comment' ? piece.slice(0, piece.lastIndexOf('<!--')) : piece;
      }
      at = end;
    }
    return out;
  }

  /** A value that an action writes here. */
  value(printed: string, value: unknown): string {
    const text = isNil(value) ? '' : printed;
    switch (this.state) {
      case 'text':
        return escapeText(text, value);
      case 'comment':
        return '';
      case 'element':
        return CODE_ELEMENTS.has(this.element) ? UNSAFE : escapeText(text, value);
      case 'beforeValue':
        this.enterValue('');
        return this.attributeValue(text, value);
      case 'value':
        return this.attributeValue(text, value);
      default:
        return this.naming ? UNSAFE : this.name(text);
    }
  }

  /** A part of a tag's or an attribute's name: only one that can do nothing. */
  private name(text: string): string {
    const safe = /^[a-z0-9]+$/i.test(text) && attributeKind(text) === 'plain';
    const name = safe ? text.toLowerCase() : UNSAFE;
    this.state = 'name';
    this.attribute += name;
    return name;
  }

  private attributeValue(text: string, value: unknown): string {
    const quoted = this.quote !== '';
    switch (this.kind) {
      case 'unsafe':
        return UNSAFE;
      case 'css':
        return escapeAttribute(filterCss(text), undefined, quoted);
      case 'url': {
        const inQuery = /[?#]/.test(this.written);
        const address = this.written.trim() === '' ? filterUrl(text, value) : text;
        return escapeAttribute(encodeUrl(address, !inQuery || value instanceof SafeUrl), undefined, quoted);
      }
      default:
        return escapeAttribute(text, value, quoted);
    }
  }

  private enterValue(quote: string): void {
    this.state = 'value';
    this.quote = quote;
    this.written = '';
    this.kind = attributeKind(this.attribute);
  }

  /** Reads on from `at` to where the state may change; returns that place. */
  private step(text: string, at: number): number {
    switch (this.state) {
      case 'text':
        return this.inText(text, at);
      case 'comment':
        return this.until(text, at, '-->', 'text');
      case 'element':
        return this.inElement(text, at);
      case 'tag':
        return this.inTag(text, at);
      case 'name':
        return this.inName(text, at);
      case 'afterName':
        return this.afterName(text, at);
      case 'beforeValue':
        return this.beforeValue(text, at);
      case 'value':
        return this.inValue(text, at);
      default:
        return this.state satisfies never;
    }
  }

  private until(text: string, at: number, end: string, next: State): number {
    const found = text.indexOf(end, at);
    if (found < 0) return text.length;
    this.state = next;
    return found + end.length;
  }

  private inText(text: string, at: number): number {
    const open = /<(?:!--|(\/?)([a-z][a-z0-9:-]*|$))/gi;
    open.lastIndex = at;
    const match = open.exec(text);
    if (!match) return text.length;
    if (match[2] === undefined) this.state = 'comment';
    else {
      this.state = 'tag';
      this.naming = true;
      this.closing = match[1] === '/';
      this.element = match[2].toLowerCase();
    }
    return open.lastIndex;
  }

  private inElement(text: string, at: number): number {
    const end = new RegExp(`</${this.element}(?=[\\s/>]|$)`, 'gi');
    end.lastIndex = at;
    if (!end.exec(text)) return text.length;
    this.state = 'tag';
    this.closing = true;
    return end.lastIndex;
  }

  private inTag(text: string, at: number): number {
    this.naming = false;
    if (text[at] === '>') {
      this.state = TEXT_ELEMENTS.has(this.element) && !this.closing ? 'element' : 'text';
      return at + 1;
    }
    if (/[\s/]/.test(text[at])) return at + 1;
    this.state = 'name';
    this.attribute = '';
    return at;
  }

  private inName(text: string, at: number): number {
    const end = endOf(text, at, /[\s/>=]/g);
    this.attribute += text.slice(at, end);
    if (end < text.length) this.state = 'afterName';
    return end;
  }

  private afterName(text: string, at: number): number {
    if (/\s/.test(text[at])) return at + 1;
    this.state = text[at] === '=' ? 'beforeValue' : 'tag';
    return text[at] === '=' ? at + 1 : at;
  }

  private beforeValue(text: string, at: number): number {
    const c = text[at];
    if (/\s/.test(c)) return at + 1;
    if (c === '>') {
      this.state = 'tag';
      return at;
    }
    const quoted = c === '"' || c === "'";
    this.enterValue(quoted ? c : '');
    return quoted ? at + 1 : at;
  }

  private inValue(text: string, at: number): number {
    const end = endOf(text, at, this.quote === '' ? /[\s>]/g : this.quote === '"' ? /"/g : /'/g);
    this.written += text.slice(at, end);
    if (end === text.length) return end;
    this.state = 'tag';
    this.attribute = '';
    return this.quote === '' ? end : end + 1;
  }
}

function endOf(text: string, at: number, end: RegExp): number {
  end.lastIndex = at;
  return end.exec(text)?.index ?? text.length;
}
