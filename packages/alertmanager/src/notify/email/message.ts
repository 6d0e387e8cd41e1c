import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import addressparser from 'nodemailer/lib/addressparser';
import MailComposer from 'nodemailer/lib/mail-composer';
import type { Notification } from '../../template/data.ts';
import { truncateCharacters } from '../truncate.ts';
import type { EmailConfig } from './config.ts';

/** A label of a megabyte must not become a header that no server takes. */
const HEADER_CHARACTERS_MAX = 4000;

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** The message with its headers, as it goes over the wire. */
  readonly source: Buffer;
}

/** How the texts of the configuration are expanded. */
export interface Expand {
  readonly text: (source: string) => Promise<string>;
  readonly html: (source: string) => Promise<string>;
}

/** The mail about a notification. No label can add a header or a line to one. @throws Error, TemplateError */
export async function composeMail(config: EmailConfig, notification: Notification, expand: Expand): Promise<Mail> {
  const from = addressesOf('from', await expand.text(config.from));
  if (from.length !== 1) throw new Error(`must be exactly one 'from' address (got: ${from.length})`);
  const to = addressesOf('to', await expand.text(config.to));
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(config.headers)) headers.set(name, headerValue(await expand.text(value)));
  const take = async (name: string, fallback: () => string | Promise<string>): Promise<string> => {
    const value = headers.get(name) ?? (await fallback());
    headers.delete(name);
    return value;
  };
  const thread = config.threading.enabled ? threadId(config, notification) : undefined;
  const composer = new MailComposer({
    from: await take('From', async () => oneLine(await expand.text(config.from))),
    to: await take('To', async () => oneLine(await expand.text(config.to))),
    subject: await take('Subject', async () =>
      headerValue(await expand.text('{{ template "email.default.subject" . }}')),
    ),
    messageId: await take('Message-Id', () => `<${Date.now()}.${Math.random().toString(36).slice(2)}@${hostname()}>`),
    ...(thread === undefined ? {} : { references: thread, inReplyTo: thread }),
    headers: Object.fromEntries(headers),
    ...(config.text === '' ? {} : { text: await expand.text(config.text) }),
    ...(config.html === '' ? {} : { html: await expand.html(config.html) }),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return { from: from[0], to, source: await composer.compile().build() };
}

function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').trim();
}

function headerValue(text: string): string {
  return truncateCharacters(oneLine(text), HEADER_CHARACTERS_MAX);
}

/** The bare addresses of a list such as `Ops <ops@example.org>, other@example.org`. @throws Error where one is none */
function addressesOf(what: 'from' | 'to', list: string): string[] {
  const parsed = addressparser(list, { flatten: true });
  const addresses = parsed.map(({ address }) => address ?? '');
  // a line break would begin a header, or make one address two
  const bad =
    /[\r\n\0]/.test(list) || addresses.length === 0 || addresses.some((address) => !/^\S+@\S+$/.test(address));
  if (bad) throw new Error(`parse '${what}' addresses: ${JSON.stringify(list.slice(0, 200))} is no list of addresses`);
  return addresses;
}

/** Mail programs put mails together that answer the same one, which need not exist. */
function threadId({ threading }: EmailConfig, { groupKey, now }: Notification): string {
  const group = createHash('sha256').update(groupKey).digest('hex').slice(0, 16);
  return `<alert-${group}-${threading.thread_by_date === 'none' ? '' : localDate(now)}@alertmanager>`;
}

function localDate(milliseconds: number): string {
  const date = new Date(milliseconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
