import { createHash } from 'node:crypto';
import { HttpClient } from '@avalanche/web';
import type { HttpConfig } from '../config/values.ts';
import { type Notification, notificationStatus, type TemplateData, templateData } from '../template/data.ts';
import type { NotificationTemplates } from '../template/templates.ts';
import { NotifyFailure, outcomeOfError } from './failure.ts';
import { type HttpAnswer, type HttpCall, HttpExchange, type HttpRules, secretsOfHttpConfig } from './http.ts';
import {
  type Attempt,
  type Integration,
  type IntegrationKind,
  type Outcome,
  type ReceiverData,
  TEST_REASON,
} from './integration.ts';
import { missingSecret, type Secret } from './secret-file.ts';
import { Talk } from './talk.ts';

/** What all integrations of a configuration share. */
export interface IntegrationContext {
  readonly receiver: string;
  readonly index: number;
  readonly templates: NotificationTemplates;
  readonly userAgent: string;
}

export interface HttpNotifierConfig {
  readonly send_resolved: boolean;
  readonly http_config?: HttpConfig | undefined;
}

/** By the integration's own names for them. */
type Secrets<Name extends string> = Readonly<Record<Name, Secret | undefined>>;

/** One kind of service that is told by HTTP: what differs from the others. */
export interface HttpKind<Config extends HttpNotifierConfig, Name extends string>
  extends Omit<HttpRules, 'kind' | 'timeoutMs'> {
  readonly kind: IntegrationKind;
  /** The secrets that a notification needs; those in files are read for each. */
  readonly secrets: (config: Config) => Secrets<Name>;
  readonly timeoutMs?: (config: Config) => number;
  /** Tells the service. @throws NotifyFailure, TemplateError */
  readonly send: (message: HttpMessage<Config, Name>) => Promise<void>;
}

/** One attempt to tell a service of a notification. */
export class HttpMessage<Config extends HttpNotifierConfig, Name extends string> {
  readonly status: 'firing' | 'resolved';
  private made: TemplateData | undefined;

  constructor(
    readonly config: Config,
    readonly notification: Notification,
    /** What the integration keeps about the group. */
    readonly data: ReceiverData,
    readonly exchange: HttpExchange,
    private readonly secrets: Secrets<Name>,
    private readonly templates: NotificationTemplates,
  ) {
    this.status = notificationStatus(notification);
  }

  /** The same about another notification, such as one with fewer alerts. */
  about(notification: Notification): HttpMessage<Config, Name> {
    if (notification === this.notification) return this;
    return new HttpMessage(this.config, notification, this.data, this.exchange, this.secrets, this.templates);
  }

  get templateData(): TemplateData {
    this.made ??= templateData(this.notification);
    return this.made;
  }

  /** A template of the configuration as text. @throws TemplateError */
  readonly text = (source: string): string =>
    source.includes('{{') ? this.templates.render('text', source, this.templateData) : source;

  /**
   * An address of the configuration. A test notification, whose labels anybody may choose, does not go where they lead.
   * @throws TemplateError, NotifyFailure
   */
  address(source: string): string {
    if (!source.includes('{{')) return source;
    if (this.notification.reason === TEST_REASON) {
      const reason = 'its address is a template, and a test does not send where labels lead';
      throw new NotifyFailure({ kind: 'failed', reason, retry: false, category: 'other' });
    }
    return this.text(source);
  }

  /** A template of the configuration as HTML. @throws TemplateError */
  readonly html = (source: string): string =>
    source.includes('{{') ? this.templates.render('html', source, this.templateData) : source;

  /** The group's key as services take it, which limit the length (upstream Key.Hash). */
  get groupHash(): string {
    return createHash('sha256').update(this.notification.groupKey).digest('hex');
  }

  /** '' where it is not given. @throws SecretMissing */
  async secret(name: Name): Promise<string> {
    const value = (await this.secrets[name]?.read()) ?? '';
    // of an address, the server may be told
    this.hide(value.replace(/^https?:\/\/[^/?#]*/, ''));
    return value;
  }

  /** Keeps a value out of what is told. */
  hide(secret: string): void {
    this.exchange.talk.mask.add(secret);
  }

  /** Posts JSON. @throws NotifyFailure */
  post(url: string, body: unknown, call: Omit<HttpCall, 'url' | 'body'> = {}): Promise<HttpAnswer> {
    const headers = { 'content-type': 'application/json', ...call.headers };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.exchange.request({ ...call, url, headers, body: `${text}\n` });
  }
}

/** Makes an integration of a kind of service and an entry of the configuration. */
export function httpIntegration<Config extends HttpNotifierConfig, Name extends string>(
  service: HttpKind<Config, Name>,
  config: Config,
  { receiver, index, templates, userAgent }: IntegrationContext,
): Integration {
  const client = new HttpClient(config.http_config, userAgent);
  const secrets = service.secrets(config);
  const guards = secretsOfHttpConfig(config.http_config);
  const rules: HttpRules = { ...service, timeoutMs: service.timeoutMs?.(config) ?? 0 };
  const tell = async (notification: Notification, attempt: Attempt): Promise<Outcome> => {
    for (const guard of guards) await guard?.read();
    const exchange = new HttpExchange(client, rules, attempt.signal, new Talk(attempt.talk));
    await service.send(new HttpMessage(config, notification, attempt.data, exchange, secrets, templates));
    return exchange.reply === undefined ? { kind: 'sent' } : { kind: 'sent', reply: exchange.reply };
  };
  return {
    receiver,
    index,
    kind: service.kind,
    sendResolved: config.send_resolved,
    missing: () => missingSecret([...Object.values<Secret | undefined>(secrets), ...guards]),
    prepare: () => client.prepare(),
    notify: (notification, attempt) => tell(notification, attempt).catch(outcomeOfError),
  };
}

/** Without the keys that hold nothing, as Go's `omitempty` leaves them out. */
export function omitEmpty<Value extends object>(value: Value): Partial<Value> {
  return Object.fromEntries(
    Object.entries(value).filter(([, item]) => {
      if (item === undefined || item === '' || item === false || item === 0) return false;
      return !Array.isArray(item) || item.length > 0;
    }),
  ) as Partial<Value>;
}
