import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { OLD_TLS_CIPHERS } from '../client/tls.ts';
import type { TlsServerConfig } from './schema.ts';

/** How clients prove who they are; Go's names. */
const CLIENT_AUTH = {
  '': 'none',
  NoClientCert: 'none',
  RequestClientCert: 'request',
  RequireAnyClientCert: 'any',
  RequireClientCert: 'any',
  VerifyClientCertIfGiven: 'verify-if-given',
  RequireAndVerifyClientCert: 'verify',
} as const;
export type ClientAuth = (typeof CLIENT_AUTH)[keyof typeof CLIENT_AUTH];

export interface ServerTls {
  readonly context: SecureContextOptions & { readonly honorCipherOrder: boolean };
  readonly clientAuth: ClientAuth;
  readonly allowedNames: readonly string[] | undefined;
}

/** Whether the file asks for TLS at all. */
export function isTlsEnabled(tls: TlsServerConfig): boolean {
  const { cert, cert_file, key, key_file, client_ca, client_ca_file, client_auth_type } = tls;
  return [cert, cert_file, key, key_file, client_ca, client_ca_file, client_auth_type].some((value) => value !== '');
}

/** Reads certificates and keys. @throws Error in exporter-toolkit's words */
export function readServerTls(tls: TlsServerConfig): ServerTls {
  if (!isTlsEnabled(tls)) throw new Error('TLS config is not present');
  if (tls.cert_file === '' && tls.cert === '') throw new Error('missing one of cert or cert_file');
  if (tls.key_file === '' && tls.key === '') throw new Error('missing one of key or key_file');
  const cert = tls.cert_file ? readPem(tls.cert_file, 'cert_file') : tls.cert;
  const key = tls.key_file ? readPem(tls.key_file, 'key_file') : tls.key;
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new Error(`failed to load X509KeyPair: ${(error as Error).message}`);
  }
  const clientCa = tls.client_ca_file ? readFileSync(tls.client_ca_file, 'utf8') : tls.client_ca;
  const { client_auth_type: authType } = tls;
  if (!Object.hasOwn(CLIENT_AUTH, authType)) throw new Error(`invalid ClientAuth: ${authType}`);
  const clientAuth = CLIENT_AUTH[authType as keyof typeof CLIENT_AUTH];
  if ((tls.client_ca_file !== '' || clientCa !== '') && clientAuth === 'none') {
    throw new Error("client CA's have been configured without a Client Auth Policy");
  }
  return { context: contextOf(tls, cert, key, clientCa), clientAuth, allowedNames: tls.client_allowed_sans };
}

function contextOf(tls: TlsServerConfig, cert: string, key: string, clientCa: string) {
  const ciphers = tls.cipher_suites.length > 0 ? tls.cipher_suites.join(':') : '';
  const old = tls.min_version < 'TLSv1.2' ? OLD_TLS_CIPHERS : '';
  return {
    cert,
    key,
    minVersion: tls.min_version,
    maxVersion: tls.max_version,
    honorCipherOrder: tls.prefer_server_cipher_suites,
    ...(clientCa ? { ca: clientCa } : {}),
    ...(ciphers || old ? { ciphers: ciphers || old } : {}),
    ...(tls.curve_preferences.length > 0 ? { ecdhCurve: tls.curve_preferences.join(':') } : {}),
  };
}

function readPem(path: string, key: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = /^[A-Z0-9]+: (.*?), \w+/.exec((error as Error).message)?.[1] ?? (error as Error).message;
    throw new Error(`failed to read ${key} (${path}): open ${path}: ${reason}`);
  }
}

/** What is wrong with the client of a finished handshake; null where it may go on. */
export function clientProblem(socket: TLSSocket, { clientAuth, allowedNames }: ServerTls): string | null {
  const peer = socket.getPeerCertificate();
  const hasCertificate = peer && Object.keys(peer).length > 0;
  if (clientAuth === 'any' && !hasCertificate) return "client didn't provide a certificate";
  if (clientAuth === 'verify-if-given' && hasCertificate && !socket.authorized) {
    return `failed to verify certificate: ${socket.authorizationError?.message ?? socket.authorizationError}`;
  }
  if (!allowedNames || !hasCertificate) return null;
  const names = (peer.subjectaltname ?? '').split(', ').map((name) => name.replace(/^(DNS|IP Address|email|URI):/, ''));
  if (names.some((name) => allowedNames.includes(name))) return null;
  return `could not find allowed SANs in client cert, found: [${allowedNames.join(' ')}]`;
}
