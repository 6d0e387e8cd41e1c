import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A mail as a server took it. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly secure: boolean;
  readonly user: string | undefined;
  readonly method: string | undefined;
  /** Each header on one line. */
  readonly head: string;
  /** Encoded as it came, but for the line breaks of quoted-printable. */
  readonly text: string;
}

/**
 * A real SMTP server; what it takes is in `mails`. It knows user `me` with password `pass word` and secret `cram secret`.
 * Whoever starts it closes `server`.
 */
export async function startMailServer(options: SMTPServerOptions = {}) {
  const mails: ReceivedMail[] = [];
  let method: string | undefined;
  const server = new SMTPServer({
    disableReverseLookup: true,
    authOptional: true,
    allowInsecureAuth: true,
    hideSTARTTLS: true,
    onAuth: (auth, _session, done) => {
      method = auth.method;
      const right = auth.method === 'CRAM-MD5' ? auth.validatePassword('cram secret') : auth.password === 'pass word';
      if (right) done(null, { user: auth.username ?? '' });
      else done(Object.assign(new Error('bad password'), { responseCode: 535 }));
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const [head, text] = Buffer.concat(chunks)
          .toString()
          .split(/\r\n\r\n(.*)/s);
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          secure: session.secure,
          user: session.user,
          method,
          head: head.replace(/\r\n[ \t]+/g, ' '),
          text: text.replace(/=\r\n/g, ''),
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => {}); // a client that does not trust us
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return { server, mails, port: (server.server.address() as AddressInfo).port };
}
