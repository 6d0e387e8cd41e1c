import { parsedBy, text } from './values.ts';

/** `HOST:PORT`, or '' where it is not given. @throws Error in Go's words (net.SplitHostPort) */
export function parseSmarthost(address: string): string {
  if (address === '') return '';
  const wrong = (reason: string) => new Error(`address ${address}: ${reason}`);
  const [, host, port] = /^(\[[^[\]]*\]|[^[\]:]*):([^[\]:]*)$/.exec(address) ?? [];
  if (host !== undefined && port === '') throw new Error(`address ${JSON.stringify(address)}: port cannot be empty`);
  if (host !== undefined) return address;
  const isBare = !address.includes(':') || /^\[[^[\]]*\]$/.test(address);
  throw wrong(isBare ? 'missing port in address' : 'too many colons in address');
}

export const smarthost = text().transform(parsedBy(parseSmarthost));

/** The parts of what `parseSmarthost` let through. */
export function splitSmarthost(address: string): { readonly host: string; readonly port: string } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: address.slice(at + 1) };
}
