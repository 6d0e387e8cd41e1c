import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import type { DataSource } from './dsn.ts';

/**
 * What a TLS connection to the source is made with, by libpq's rules: the certificate is looked at from `verify-ca` on, or where
 * a root certificate is at hand; the host's name in it only by `verify-full`. The files are read anew for each connection.
 * @throws Error where a named file cannot be read
 */
export function tlsOptions(source: DataSource): ConnectionOptions {
  const { sslmode } = source;
  const root = rootCertificate(source);
  const verifies = sslmode === 'verify-ca' || sslmode === 'verify-full' || root !== undefined;
  return {
    rejectUnauthorized: verifies,
    ...(root === undefined || root === 'system' ? {} : { ca: read(root, 'sslrootcert') }),
    ...clientCertificate(source),
    ...(sslmode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}

function rootCertificate({ sslmode, sslrootcert }: DataSource): string | undefined {
  if (sslrootcert !== undefined) return sslrootcert;
  if (sslmode === 'prefer' || sslmode === 'allow') return undefined;
  const usual = join(homedir(), '.postgresql', 'root.crt');
  return existsSync(usual) ? usual : undefined;
}

function clientCertificate({ sslcert, sslkey }: DataSource): ConnectionOptions {
  const folder = join(homedir(), '.postgresql');
  const cert = sslcert ?? join(folder, 'postgresql.crt');
  if (sslcert === undefined && !existsSync(cert)) return {};
  return { cert: read(cert, 'sslcert'), key: read(sslkey ?? join(folder, 'postgresql.key'), 'sslkey') };
}

function read(file: string, parameter: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${parameter}: cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
