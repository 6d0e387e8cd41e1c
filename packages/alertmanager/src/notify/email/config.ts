import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { smarthost } from '../../config/smarthost.ts';
import { firstProblem, flag, optionalFlag, text, textMap, tlsConfig } from '../../config/values.ts';

const threading = z.strictObject({ enabled: flag(), thread_by_date: text() });

/** `message-id` as `Message-Id`: names of headers do not differ by their letters' case. */
function canonicalName(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

export const emailSchema = z
  .strictObject({
    send_resolved: flag(false),
    to: text(),
    from: text(),
    hello: text(),
    smarthost,
    auth_username: text(),
    auth_password: text(),
    auth_password_file: text(),
    auth_secret: text(),
    auth_secret_file: text(),
    auth_identity: text(),
    headers: textMap,
    html: text('{{ template "email.default.html" . }}'),
    text: text('{{ template "email.default.text" . }}'),
    require_tls: optionalFlag,
    tls_config: tlsConfig,
    force_implicit_tls: optionalFlag,
    threading: z.preprocess((value) => value ?? {}, threading),
  })
  .superRefine(({ to, headers, threading: thread }, context) => {
    const names = Object.keys(headers).map(canonicalName);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    const conflict = ['References', 'In-Reply-To'].find((name) => names.includes(name));
    firstProblem(
      context,
      [to === '', 'missing to address in email config'],
      [twice !== undefined, `duplicate header ${JSON.stringify(twice)} in email config`],
      [
        thread.enabled && conflict !== undefined,
        `conflicting configuration: threading.enabled conflicts with custom ${conflict} header`,
      ],
      [
        thread.enabled && !['none', 'daily'].includes(thread.thread_by_date),
        "threading.thread_by_date must be either 'none' or 'daily'",
      ],
    );
  })
  .transform((config) => ({
    ...config,
    headers: Object.fromEntries(Object.entries(config.headers).map(([name, value]) => [canonicalName(name), value])),
  }));

export type EmailConfig = z.output<typeof emailSchema>;

/** @throws Error where neither has what a mail needs */
export function completeEmail(config: EmailConfig, global: GlobalConfig): EmailConfig {
  const password = config.auth_password !== '' || config.auth_password_file !== '' ? config : null;
  const secret = config.auth_secret !== '' || config.auth_secret_file !== '' ? config : null;
  const complete = {
    ...config,
    tls_config: config.tls_config ?? global.smtp_tls_config,
    smarthost: config.smarthost || global.smtp_smarthost,
    from: config.from || global.smtp_from,
    hello: config.hello || global.smtp_hello,
    auth_username: config.auth_username || global.smtp_auth_username,
    auth_password: password ? config.auth_password : global.smtp_auth_password,
    auth_password_file: password ? config.auth_password_file : global.smtp_auth_password_file,
    auth_secret: secret ? config.auth_secret : global.smtp_auth_secret,
    auth_secret_file: secret ? config.auth_secret_file : global.smtp_auth_secret_file,
    auth_identity: config.auth_identity || global.smtp_auth_identity,
    require_tls: config.require_tls ?? global.smtp_require_tls,
    force_implicit_tls: config.force_implicit_tls ?? global.smtp_force_implicit_tls,
  };
  if (complete.smarthost === '') throw new Error('no global SMTP smarthost set');
  if (complete.from === '') throw new Error('no global SMTP from set');
  return complete;
}
