import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** A certificate authority of a test, in a directory that is the test's to remove. */
export class Authority {
  readonly certFile: string;
  private readonly keyFile: string;

  constructor(
    private readonly directory: string,
    private readonly name: string,
  ) {
    this.certFile = join(directory, `${name}.pem`);
    this.keyFile = join(directory, `${name}-key.pem`);
    const files = ['-keyout', this.keyFile, '-out', this.certFile];
    openssl(['req', '-x509', ...NEW_KEY, ...files, '-subj', `/CN=${name}`, '-days', '2']);
  }

  /** A pair signed by this authority. @param names such as `DNS:localhost,IP:127.0.0.1` */
  sign(subject: string, names: string): { readonly certFile: string; readonly keyFile: string } {
    const path = (suffix: string) => join(this.directory, `${this.name}-${subject}${suffix}`);
    const [certFile, keyFile, request, extensions] = [path('.pem'), path('-key.pem'), path('.csr'), path('.ext')];
    writeFileSync(extensions, `subjectAltName=${names}\n`);
    openssl(['req', ...NEW_KEY, '-keyout', keyFile, '-out', request, '-subj', `/CN=${subject}`]);
    const by = ['-CA', this.certFile, '-CAkey', this.keyFile, '-CAcreateserial', '-extfile', extensions];
    openssl(['x509', '-req', '-in', request, '-out', certFile, '-days', '2', ...by]);
    return { certFile, keyFile };
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' });
}
