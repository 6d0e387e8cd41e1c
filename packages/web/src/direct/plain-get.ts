/** A GET that came in one piece and asks for nothing special: what scripts, Grafana and our own pages send all day. */
export interface PlainGet {
  /** As it came; escapes stand in it only where the caller wrote them. */
  readonly path: string;
  /** What stands behind the question mark. */
  readonly query: string;
  /** `Accept-Encoding`, '' where there is none. */
  readonly acceptEncoding: string;
}

/** The request line and the headers, whole and to the letter of RFC 9112; nothing may follow. */
const REQUEST = /^GET (\/[!"$-~]*) HTTP\/1\.1\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~]*\r\n)+)\r\n$/;
/** Headers that say how to read or to answer a request. */
const SPECIAL =
  /^(?:(?:content-length|transfer-encoding|upgrade|expect|te|trailer|origin|proxy-connection):|connection:(?![\t ]*keep-alive[\t ]*\r))/im;
const HOST = /^host:/im;
const ACCEPT_ENCODING = /^accept-encoding:[\t ]*([^\r]*)/im;
/** Either of them twice. */
const REPEATED = /^(host|accept-encoding):.*\n\1:/ims;

/** Reads what a connection has sent. @returns null for anything but a plain GET, for which there is Node's parser */
export function readPlainGet(chunk: Buffer): PlainGet | null {
  const [, target, headers] = REQUEST.exec(chunk.toString('latin1')) ?? [];
  if (target === undefined || SPECIAL.test(headers) || !HOST.test(headers) || REPEATED.test(headers)) return null;
  const end = target.indexOf('?');
  return {
    path: end < 0 ? target : target.slice(0, end),
    query: end < 0 ? '' : target.slice(end + 1),
    acceptEncoding: ACCEPT_ENCODING.exec(headers)?.[1] ?? '',
  };
}
