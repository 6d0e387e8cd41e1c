import type { PeerCertificate } from 'node:tls';

interface NetworkError extends NodeJS.ErrnoException {
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
  readonly host?: string;
  readonly cert?: PeerCertificate;
}

const DIAL_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  EADDRNOTAVAIL: 'cannot assign requested address',
};

const UNKNOWN_AUTHORITY = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** Why a request failed, in the words that Go's client has for it: `dial tcp 127.0.0.1:1: connect: connection refused`. */
export function describeNetworkError(cause: unknown): string {
  const error = innermost(cause);
  const { code = '', address, port, message } = error;
  const dialReason = DIAL_REASONS[code];
  if (dialReason)
    return `dial tcp ${address?.includes(':') ? `[${address}]` : address}:${port}: connect: ${dialReason}`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const reason = code === 'ENOTFOUND' ? 'no such host' : 'server misbehaving';
    return `dial tcp: lookup ${error.hostname}: ${reason}`;
  }
  if (code === 'ECONNRESET' && message.startsWith('read')) return 'read: connection reset by peer';
  if (code === 'EPIPE') return 'write: broken pipe';
  if (code === 'ECONNRESET' || message === 'other side closed') return 'EOF';
  return describeTls(error) ?? message;
}

function describeTls(error: NetworkError): string | null {
  const { code = '', message } = error;
  const failed = 'tls: failed to verify certificate: x509: ';
  if (UNKNOWN_AUTHORITY.has(code)) return `${failed}certificate signed by unknown authority`;
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return `${failed}certificate has expired or is not yet valid`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${failed}${describeNames(error)}`;
  if (/wrong version number|packet length too long|http request/i.test(message)) {
    return 'tls: first record does not look like a TLS handshake';
  }
  const alert = /alert (?:number \d+|[a-z ]+)|ALERT_([A-Z_]+)/.exec(code) ?? /alert ([a-z ]+)/.exec(message);
  if (alert && /SSL|TLS/.test(`${code}${message}`)) {
    return `remote error: tls: ${(alert[1] ?? alert[0]).toLowerCase().replaceAll('_', ' ').trim()}`;
  }
  return null;
}

function describeNames({ host = '', cert }: NetworkError): string {
  const names = (cert?.subjectaltname ?? '').split(', ').filter((name) => name !== '');
  const isAddress = /^[\d.]+$|:/.test(host);
  const fitting = names.filter((name) => name.startsWith(isAddress ? 'IP Address:' : 'DNS:'));
  if (fitting.length === 0) {
    if (isAddress) return `cannot validate certificate for ${host} because it doesn't contain any IP SANs`;
    return 'certificate is not valid for any names, but wanted to match '.concat(host);
  }
  return `certificate is valid for ${fitting.map((name) => name.replace(/^[^:]*:/, '')).join(', ')}, not ${host}`;
}

/** An attempt at several addresses fails with all errors at once; what the first says is told. */
function innermost(error: unknown): NetworkError {
  if (error instanceof AggregateError && error.errors.length > 0) return innermost(error.errors[0]);
  return error instanceof Error ? (error as NetworkError) : new Error(String(error));
}
