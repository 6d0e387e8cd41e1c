import { readFile } from 'node:fs/promises';
import { createTransport, type SendMailOptions } from 'nodemailer';
import type { EmailConfig } from '../../config/receivers.ts';
import type { GlobalConfig } from '../../config/schema.ts';
import type { TlsConfig } from '../../config/values.ts';
import { type Notification, templateData } from '../../template/data.ts';
import type { NotificationTemplates } from '../../template/templates.ts';
import { outcomeOfError } from '../http.ts';
import type { Integration, Outcome } from '../integration.ts';
import { missingSecret, Secret } from '../secret-file.ts';
import type { IntegrationContext } from '../webhook/webhook.ts';

/** How long the server may keep us waiting in each part of the talk. */
const SMTP_TIMEOUT_MS = 30_000;
const IMPLICIT_TLS_PORT = 465;

/** The mail. Header values are one line whatever a label holds, so that none can add a header. @throws TemplateError */
export function emailMessage(
  config: EmailConfig,
  from: string,
  notification: Notification,
  templates: NotificationTemplates,
): SendMailOptions {
  const data = templateData(notification);
  const header = (source: string): string => oneLine(templates.text(source, data));
  const headers = new Map(Object.entries(config.headers).map(([name, value]) => [name.toLowerCase(), header(value)]));
  const take = (name: string, fallback: string): string => {
    const value = headers.get(name) ?? header(fallback);
    headers.delete(name);
    return value;
  };
  const message: SendMailOptions = {
    envelope: { from: header(from), to: header(config.to) },
    from: take('from', from),
    to: take('to', config.to),
    subject: take('subject', '{{ template "email.default.subject" . }}'),
  };
  if (config.text !== '') message.text = templates.text(config.text, data);
  if (config.html !== '') message.html = templates.html(config.html, data);
  message.headers = Object.fromEntries(headers);
  return message;
}

function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').trim();
}

export function emailIntegration(
  config: EmailConfig,
  global: GlobalConfig,
  templates: NotificationTemplates,
  context: IntegrationContext,
): Integration {
  const { resolvePath } = context;
  const password =
    Secret.of(config.auth_password, config.auth_password_file, resolvePath) ??
    Secret.of(global.smtp_auth_password, global.smtp_auth_password_file, resolvePath);
  const user = config.auth_username ?? global.smtp_auth_username;
  const from = config.from ?? global.smtp_from ?? '';
  const send = async (notification: Notification): Promise<Outcome> => {
    const transport = createTransport({
      ...endpoint(config.smarthost ?? global.smtp_smarthost ?? '', config.require_tls ?? global.smtp_require_tls),
      name: config.hello ?? global.smtp_hello,
      tls: await tlsOptions(config.tls_config ?? global.smtp_tls_config, resolvePath),
      ...(user === undefined ? {} : { auth: { user, pass: (await password?.read()) ?? '' } }),
      connectionTimeout: SMTP_TIMEOUT_MS,
      greetingTimeout: SMTP_TIMEOUT_MS,
      socketTimeout: SMTP_TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const message = emailMessage(config, from, notification, templates);
    try {
      await transport.sendMail(message);
      return { kind: 'sent' };
    } catch (error) {
      return smtpFailure(error);
    } finally {
      transport.close();
    }
  };
  return {
    receiver: context.receiver,
    kind: 'email',
    index: context.index,
    sendResolved: config.send_resolved,
    missing: () => missingSecret([user === undefined ? undefined : password]),
    notify: (notification) => send(notification).catch(outcomeOfError),
  };
}

/** Port 465 is TLS from the start; elsewhere STARTTLS is demanded or, as upstream does without require_tls, not used. */
function endpoint(smarthost: string, requireTls: boolean) {
  const at = smarthost.lastIndexOf(':');
  const port = Number(smarthost.slice(at + 1));
  const secure = port === IMPLICIT_TLS_PORT;
  const host = smarthost.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  return { host, port, secure, requireTLS: requireTls && !secure, ignoreTLS: !requireTls && !secure };
}

async function tlsOptions(config: TlsConfig | undefined, resolvePath: (path: string) => string) {
  const read = async (file: string | undefined) => (file === undefined ? undefined : readFile(resolvePath(file)));
  const [ca, cert, key] = await Promise.all([read(config?.ca_file), read(config?.cert_file), read(config?.key_file)]);
  return {
    rejectUnauthorized: !config?.insecure_skip_verify,
    ...(config?.server_name ? { servername: config.server_name } : {}),
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
  };
}

/** A server that says no for good (5xx) is not asked again; a wrong password neither. */
function smtpFailure(error: unknown): Outcome {
  const { message, responseCode } = error as Error & { responseCode?: number };
  const permanent = responseCode !== undefined && responseCode >= 500;
  return { kind: 'failed', reason: message, retry: !permanent, category: permanent ? 'clientError' : 'other' };
}
