import { escapeHtml } from './builtins.ts';
import { bytesOf, SafeHtml, SafeUrl } from './values.ts';

/** What html/template writes in place of a value that must not stand where it would. */
export const UNSAFE = 'ZgotmplZ';

/** HTML text and quoted attributes, as html/template writes them. */
export function escapeText(text: string, value: unknown): string {
  return value instanceof SafeHtml ? text : plain(text);
}

function plain(text: string): string {
  return escapeHtml(text).replaceAll('+', '&#43;');
}

/** An attribute's value: of HTML that is safe as such only the text, as what stands there cannot be markup. */
export function escapeAttribute(text: string, value: unknown, quoted: boolean): string {
  if (!quoted && text === '') return UNSAFE;
  const escaped = value instanceof SafeHtml ? keepEntities(text.replace(/<[^>]*>/g, '')) : plain(text);
  if (quoted) return escaped;
  return escaped
    .replace(/[\t\n\v\f\r =`]/g, (c) => `&#${c.charCodeAt(0)};`)
    .replace(/[\ufdd0-\ufdef\ufff0-\uffff]/g, (c) => `&#x${c.charCodeAt(0).toString(16)};`);
}

function keepEntities(html: string): string {
  return html.replace(/["'<>+\0]/g, plain);
}

/** An address at its beginning: another scheme than http, https and mailto is not let through. */
export function filterUrl(text: string, value: unknown): string {
  if (value instanceof SafeUrl) return text;
  const scheme = /^([^/:]*):/.exec(text)?.[1];
  return scheme === undefined || /^(?:https?|mailto)$/i.test(scheme) ? text : `#${UNSAFE}`;
}

const UNRESERVED = /[A-Za-z0-9\-._~]/;
const RESERVED = /[!#$&*+,/:;=?@[\]]/;

/** Percent-encodes; with `keepReserved` what is an address already stays one. */
export function encodeUrl(text: string, keepReserved: boolean): string {
  const bytes = bytesOf(text);
  let out = '';
  for (let i = 0; i < bytes.length; i++) {
    const c = String.fromCharCode(bytes[i]);
    const isEscape = keepReserved && c === '%' && /^%[0-9a-fA-F]{2}$/.test(bytes.toString('latin1', i, i + 3));
    const kept = isEscape || UNRESERVED.test(c) || (keepReserved && RESERVED.test(c));
    out += kept ? c : `%${bytes[i].toString(16).padStart(2, '0')}`;
  }
  return out;
}

/** The value of a CSS property; one that could end it or call something is not let through. */
export function filterCss(text: string): string {
  const name = text.replace(/[^\w-]/g, '').toLowerCase();
  const unsafe = /[\0"'()/;@[\\\]`{}<>]|--/.test(text) || /expression|mozbinding/.test(name);
  return unsafe ? UNSAFE : text;
}
