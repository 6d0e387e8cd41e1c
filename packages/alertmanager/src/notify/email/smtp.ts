import type { ConnectionOptions } from 'node:tls';
import SMTPConnection, {
  type SMTPConnectionAuth,
  type SMTPConnectionCustomAuthContext,
} from 'nodemailer/lib/smtp-connection';
import type { Talk } from '../talk.ts';
import type { Mail } from './message.ts';

/** How long the server may keep us waiting in each part of the talk. */
const TIMEOUT_MS = 30_000;

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte on. */
  readonly implicitTls: boolean;
  /** Whether STARTTLS must be had; otherwise, as upstream, it is not asked for. */
  readonly requireTls: boolean;
  readonly tls: ConnectionOptions;
  /** What we call ourselves. */
  readonly hello: string;
}

/** Who we are: the password for PLAIN and LOGIN, the secret for CRAM-MD5. */
export interface SmtpUser {
  readonly name: string;
  readonly identity: string;
  readonly password: () => Promise<string>;
  readonly secret: () => Promise<string>;
}

/** Sends one mail over a connection of its own. Returns the server's last reply. @throws SmtpFailure */
export async function sendMail(
  server: SmtpServer,
  user: SmtpUser | undefined,
  mail: Mail,
  { signal, talk }: { readonly signal: AbortSignal; readonly talk: Talk },
): Promise<string> {
  if (signal.aborted) throw new SmtpFailure('establish connection to server', new Error('context canceled'));
  const connection = new SMTPConnection({
    host: server.host,
    port: server.port,
    secure: server.implicitTls,
    requireTLS: server.requireTls && !server.implicitTls,
    ignoreTLS: !server.requireTls,
    name: server.hello,
    tls: server.tls,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    logger: loggerOf(talk),
    transactionLog: talk.isHeard,
    customAuth: { PLAIN: plainAuth },
  });
  const giveUp = (): void => connection.close();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await converse(connection, server, user, mail);
  } finally {
    signal.removeEventListener('abort', giveUp);
    connection.quit();
    connection.close();
  }
}

/** What has failed in the talk, with the server's code where it gave one. */
export class SmtpFailure extends Error {
  override readonly name = 'SmtpFailure';

  constructor(
    step: string,
    cause: Error & { readonly responseCode?: number },
    readonly code = cause.responseCode,
  ) {
    super(`${step}: ${cause.message}`, { cause });
  }
}

async function converse(
  connection: SMTPConnection,
  server: SmtpServer,
  user: SmtpUser | undefined,
  mail: Mail,
): Promise<string> {
  await step<void>('establish connection to server', connection, (done) =>
    connection.connect((error) => done(error ?? null, undefined)),
  );
  const offered = /^250[ -]AUTH[ =](.*)$/im.exec(connection.lastServerResponse || '')?.[1];
  if (user && offered !== undefined) {
    const auth = await chooseAuth(user, offered.trim().split(/\s+/), connection.secure || isLocal(server.host));
    await step('auth', connection, (done) => connection.login(auth, done));
  }
  const info = await step('send mail', connection, (done: Done<SendInfo>) =>
    connection.send({ from: mail.from, to: [...mail.to] }, mail.source, done),
  );
  const { rejected, response } = info as SendInfo;
  return rejected.length === 0 ? response : `${response} (but not for ${rejected.join(', ')})`;
}

interface SendInfo {
  readonly response: string;
  readonly rejected: readonly string[];
}

type Done<Result> = (error: Error | null, result?: Result) => void;

/** One part of the talk; a connection that breaks off ends it as well. @throws SmtpFailure */
function step<Result>(name: string, connection: SMTPConnection, run: (done: Done<Result>) => void) {
  return new Promise<Result | undefined>((resolve, reject) => {
    const fail = (error: Error): void => reject(new SmtpFailure(name, error));
    const closed = (): void => fail(new Error('connection closed'));
    const end = (): void => {
      connection.off('error', fail).off('end', closed);
      connection.on('error', () => {}); // what comes after has been said
    };
    connection.once('error', fail).once('end', closed);
    run((error, result) => {
      end();
      if (error) fail(error);
      else resolve(result);
    });
  });
}

/** The first mechanism that the server offers and that we have what it takes for. @throws SmtpFailure */
async function chooseAuth(user: SmtpUser, offered: readonly string[], isPrivate: boolean): Promise<SMTPConnectionAuth> {
  const problems: string[] = [];
  for (const method of offered) {
    const isCram = method === 'CRAM-MD5';
    if (!isCram && method !== 'PLAIN' && method !== 'LOGIN') {
      problems.push(`unknown auth mechanism: ${method}`);
      continue;
    }
    const pass = isCram ? await user.secret() : await user.password();
    if (pass === '') problems.push(`missing ${isCram ? 'secret' : 'password'} for ${method} auth mechanism`);
    else if (method === 'PLAIN' && !isPrivate) problems.push('PLAIN auth: unencrypted connection');
    else return { method, user: user.name, pass, options: { identity: user.identity } };
  }
  throw new SmtpFailure('find auth mechanism', new Error(problems.join('; ')));
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '127.0.0.1' || host === '::1';
}

/** AUTH PLAIN with the identity that we act for, which nodemailer's own leaves out. */
async function plainAuth({ auth, sendCommand }: SMTPConnectionCustomAuthContext): Promise<void> {
  const { user, pass, options } = auth.credentials;
  const payload = Buffer.from(`${String(options?.identity ?? '')}\0${user}\0${pass}`).toString('base64');
  const { status, response } = await sendCommand(`AUTH PLAIN ${payload}`);
  if (status !== 235) throw Object.assign(new Error(response), { responseCode: status });
}

/** Nodemailer says every line of the talk to its logger, the secrets left out. */
function loggerOf(talk: Talk) {
  if (!talk.isHeard) return false;
  const debug = ({ tnx }: { readonly tnx?: string }, text: string): void => {
    if (tnx === 'client') talk.sent(text);
    else if (tnx === 'server') talk.received(text);
  };
  const nothing = (): void => {};
  return { trace: nothing, debug, info: nothing, warn: nothing, error: nothing, fatal: nothing };
}
