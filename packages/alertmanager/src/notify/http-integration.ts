import { createHash } from 'node:crypto';
import { HttpClient } from '@avalanche/web';
import type { HttpConfig } from '../config/values.ts';
import {
  type Notification,
  notificationStatus,
  type TemplateData,
  templateData,
  truncateAlerts,
} from '../template/data.ts';
import type { NotificationTemplates, TemplateKind } from '../template/templates.ts';
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
  /** How many alerts templates see; 0: all. */
  readonly alertsMax?: (config: Config) => number;
  /** Whether the configuration's `message` is HTML. */
  readonly isHtml?: (config: Config) => boolean;
  /** Tells the service. @throws NotifyFailure, TemplateError */
  readonly send: (message: HttpMessage<Config, Name>) => Promise<void>;
}

/** One attempt to tell a service of a notification. */
export class HttpMessage<Config extends HttpNotifierConfig, Name extends string> {
  readonly status: 'firing' | 'resolved';
  private made: TemplateData | undefined;
  /** What templates came to, or why they failed. */
  private readonly expanded = new Map<string, string | Error>();

  constructor(
    readonly config: Config,
    readonly notification: Notification,
    /** What the integration keeps about the group. */
    readonly data: ReceiverData,
    readonly exchange: HttpExchange,
    private readonly service: HttpKind<Config, Name>,
    private readonly secrets: Secrets<Name>,
    private readonly templates: NotificationTemplates,
  ) {
    this.status = notificationStatus(notification);
  }

  get templateData(): TemplateData {
    this.made ??= templateData(truncateAlerts(this.notification, this.service.alertsMax?.(this.config) ?? 0));
    return this.made;
  }

  /**
   * Expands the templates of the configuration in turns of the event loop, as they may range over thousands of alerts,
   * so that `text` and `html` find what they are asked for.
   */
  async expand(): Promise<void> {
    const isHtml = this.service.isHtml?.(this.config) ?? false;
    for (const [key, value] of Object.entries(this.config)) {
      if (key === 'http_config') continue;
      const kind = isHtml && key === 'message' ? 'html' : 'text';
      for (const source of templatesIn(value)) {
        const made = this.templates.renderInTurns(kind, source, this.templateData);
        this.expanded.set(kind + source, await made.catch((error: Error) => error));
      }
    }
  }

  /** A template of the configuration as text. @throws TemplateError */
  readonly text = (source: string): string => this.expansion('text', source);

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
  readonly html = (source: string): string => this.expansion('html', source);

  private expansion(kind: TemplateKind, source: string): string {
    const known = this.expanded.get(kind + source);
    if (known instanceof Error) throw known;
    // a secret may be a template too
    return known ?? this.templates.render(kind, source, this.templateData);
  }

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

  /** Posts JSON; bytes as they are. @throws NotifyFailure */
  post(url: string, body: unknown, call: Omit<HttpCall, 'url' | 'body'> = {}): Promise<HttpAnswer> {
    const headers = { 'content-type': 'application/json', ...call.headers };
    if (body instanceof Uint8Array) return this.exchange.request({ ...call, url, headers, body });
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
    const message = new HttpMessage(config, notification, attempt.data, exchange, service, secrets, templates);
    await message.expand();
    await service.send(message);
    return exchange.reply === undefined ? { kind: 'sent' } : { kind: 'sent', reply: exchange.reply };
  };
  return {
    receiver,
    index,
    kind: service.kind,
    sendResolved: config.send_resolved,
    missing: () => missingSecret([...Object.values<Secret | undefined>(secrets), ...guards]),
    prepare: () => client.prepare(),
    close: () => client.close(),
    notify: (notification, attempt) => tell(notification, attempt).catch(outcomeOfError),
  };
}

/** Every text with an action in it, keys of maps included. */
function* templatesIn(value: unknown): Generator<string> {
  if (typeof value === 'string') {
    if (value.includes('{{')) yield value;
  } else if (Array.isArray(value)) for (const item of value) yield* templatesIn(item);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      yield* templatesIn(key);
      yield* templatesIn(item);
    }
  }
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
