import { HttpClient, httpClientSchema } from '@avalanche/web';
import { splitSmarthost } from '../../config/smarthost.ts';
import { type Notification, templateData } from '../../template/data.ts';
import { outcomeOfError } from '../failure.ts';
import type { IntegrationContext } from '../http-integration.ts';
import type { Attempt, Integration, Outcome } from '../integration.ts';
import { missingSecret, Secret } from '../secret-file.ts';
import { Talk } from '../talk.ts';
import type { EmailConfig } from './config.ts';
import { composeMail } from './message.ts';
import { SmtpFailure, type SmtpServer, type SmtpUser, sendMail } from './smtp.ts';

const IMPLICIT_TLS_PORT = '465';

export function emailIntegration(config: EmailConfig, context: IntegrationContext): Integration {
  const { templates, receiver, index } = context;
  const password = Secret.of(config.auth_password, config.auth_password_file);
  const secret = Secret.of(config.auth_secret, config.auth_secret_file);
  const secrets = config.auth_username === '' ? [] : [password, secret];
  const read = async (source: Secret | undefined, talk: Talk): Promise<string> => {
    const value = (await source?.read()) ?? '';
    talk.mask.add(value);
    return value;
  };
  const send = async (notification: Notification, { signal, talk: listener }: Attempt): Promise<Outcome> => {
    const talk = new Talk(listener);
    const data = templateData(notification);
    const mail = await composeMail(config, notification, {
      text: (source) => templates.renderInTurns('text', source, data),
      html: (source) => templates.renderInTurns('html', source, data),
    });
    const user: SmtpUser | undefined =
      config.auth_username === ''
        ? undefined
        : {
            name: config.auth_username,
            identity: config.auth_identity,
            password: () => read(password, talk),
            secret: () => read(secret, talk),
          };
    try {
      return { kind: 'sent', reply: talk.mask.hide(await sendMail(serverOf(config), user, mail, { signal, talk })) };
    } catch (error) {
      if (!(error instanceof SmtpFailure)) throw error;
      return smtpOutcome(error, signal, talk);
    }
  };
  return {
    receiver,
    index,
    kind: 'email',
    sendResolved: config.send_resolved,
    missing: () => missingSecret(secrets),
    notify: (notification, attempt) => send(notification, attempt).catch(outcomeOfError),
  };
}

/** @throws Error where a file of the TLS configuration cannot be read */
function serverOf(config: EmailConfig): SmtpServer {
  const { host, port } = splitSmarthost(config.smarthost);
  const tls = new HttpClient({
    ...httpClientSchema.parse({}),
    ...(config.tls_config ? { tls_config: config.tls_config } : {}),
  });
  return {
    host,
    port: Number(port),
    implicitTls: config.force_implicit_tls ?? port === IMPLICIT_TLS_PORT,
    requireTls: config.require_tls ?? true,
    tls: tls.tlsOptions(),
    hello: config.hello,
  };
}

/** A server that says no for good (5xx) is not asked again; a wrong password neither. */
function smtpOutcome(error: SmtpFailure, signal: AbortSignal, talk: Talk): Outcome {
  const { code, message } = error;
  const isPermanent = code !== undefined && code >= 500;
  const isAuth = code === 535 || code === 534 || code === 530;
  talk.note(message);
  return {
    kind: 'failed',
    reason: talk.mask.hide(message),
    retry: !isPermanent,
    category: signal.aborted ? 'contextDeadlineExceeded' : isAuth ? 'authError' : isPermanent ? 'clientError' : 'other',
  };
}
