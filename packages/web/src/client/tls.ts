import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { type ConnectionOptions, createSecureContext, type SecureVersion } from 'node:tls';
import type { TlsConfig, TlsVersionName } from './schema.ts';
import { describeSource, isGiven, readSecretSync, type Source } from './secrets.ts';

const VERSIONS: Readonly<Record<TlsVersionName, SecureVersion>> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
};

/** OpenSSL refuses what TLS 1.0 and 1.1 sign with unless it is told that less will do. */
export const OLD_TLS_CIPHERS = 'DEFAULT@SECLEVEL=0';

/** One `tls_config`, whose files are read at each use; what they say is worked out once for each content. */
export class ClientTls {
  private read = '';
  private made: ConnectionOptions | undefined = undefined;

  constructor(private readonly config: TlsConfig) {}

  /**
   * Options for `tls.connect`; the same object as long as no file has changed.
   * @throws Error in upstream's words where a file cannot be read or holds something else
   */
  options(): ConnectionOptions {
    const { ca, ca_file, cert, cert_file, key, key_file } = this.config;
    const sources = { ca: { text: ca, file: ca_file }, cert: { text: cert, file: cert_file } };
    const keySource = { text: key, file: key_file };
    const texts = {
      ca: readSecretSync(sources.ca, 'CA cert'),
      cert: readSecretSync(sources.cert, 'specified client cert'),
      key: readSecretSync(keySource, 'specified client key'),
    };
    const read = JSON.stringify(texts);
    if (!this.made || read !== this.read) {
      this.made = this.make(texts, { ...sources, key: keySource });
      this.read = read;
    }
    return this.made;
  }

  private make(
    texts: Readonly<Record<'ca' | 'cert' | 'key', string>>,
    sources: Readonly<Record<'ca' | 'cert' | 'key', Source>>,
  ): ConnectionOptions {
    const { insecure_skip_verify, min_version, max_version, server_name } = this.config;
    if (isGiven(sources.ca)) checkAuthorities(texts.ca, sources.ca);
    if (isGiven(sources.cert)) checkPair(texts, sources);
    if (min_version && max_version && max_version < min_version) {
      throw new Error(
        'tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified',
      );
    }
    return {
      rejectUnauthorized: !insecure_skip_verify,
      ...(texts.ca ? { ca: texts.ca } : {}),
      ...(texts.cert ? { cert: texts.cert, key: texts.key } : {}),
      ...(server_name ? { servername: server_name } : {}),
      ...(min_version ? { minVersion: VERSIONS[min_version] } : {}),
      ...(max_version ? { maxVersion: VERSIONS[max_version] } : {}),
      ...(min_version && min_version < 'TLS12' ? { ciphers: OLD_TLS_CIPHERS } : {}),
    };
  }
}

/** @throws Error where `text` has no certificate */
function checkAuthorities(text: string, source: Source): void {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  const usable = blocks.some((block) => {
    try {
      return Boolean(new X509Certificate(block));
    } catch {
      return false;
    }
  });
  if (!usable) throw new Error(`unable to use specified CA cert ${describeSource(source)}`);
}

/** @throws Error where certificate and key are not a pair */
function checkPair({ cert, key }: { cert: string; key: string }, sources: { cert: Source; key: Source }): void {
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const where = `(${describeSource(sources.cert)}) & key (${describeSource(sources.key)})`;
    throw new Error(`unable to use specified client cert ${where}: ${(error as Error).message}`);
  }
}

/** The name that a certificate is checked against: addresses have none in the handshake. */
export function serverNameOf(host: string, options: ConnectionOptions): string {
  return options.servername ?? (isIP(host) ? '' : host);
}
