import { createSign } from 'node:crypto';
import { JWT_BEARER, type OAuth2Config } from './schema.ts';
import { readSecret } from './secrets.ts';

/** A token is asked for again this long before it ends, as golang.org/x/oauth2 does. */
const EARLY_MS = 10_000;
const ASSERTION_SECONDS = 3600;

/** Sends a form, and gives back what the answer says. */
export type PostForm = (
  url: string,
  form: URLSearchParams,
  headers: Readonly<Record<string, string>>,
) => Promise<{ readonly status: number; readonly statusText: string; readonly type: string; readonly body: string }>;

interface Token {
  /** `Bearer abc`. */
  readonly header: string;
  /** Milliseconds since the epoch. */
  readonly goodUntil: number;
}

/** Tokens of the client credentials grant, or of the JWT bearer grant (RFC 7523), kept while they are good. */
export class TokenSource {
  private token: Token | undefined = undefined;
  private secret: string | undefined = undefined;
  private asking: Promise<Token> | undefined = undefined;
  /** Whether the server takes client id and secret as a header; unknown until it has answered. */
  private inHeader: boolean | undefined = undefined;

  constructor(
    private readonly config: OAuth2Config,
    private readonly post: PostForm,
    private readonly now: () => number = Date.now,
  ) {}

  /** The value of `Authorization`. @throws Error as `oauth2: cannot fetch token: …` */
  async header(): Promise<string> {
    const secret = await this.readSecret();
    if (secret !== this.secret) this.token = undefined;
    this.secret = secret;
    if (this.token && this.now() < this.token.goodUntil) return this.token.header;
    this.asking ??= this.ask(secret).finally(() => {
      this.asking = undefined;
    });
    this.token = await this.asking;
    return this.token.header;
  }

  private readSecret(): Promise<string> {
    const { config } = this;
    if (config.grant_type === JWT_BEARER) {
      const source = { text: config.client_certificate_key, file: config.client_certificate_key_file };
      return readSecret(source, 'oauth2 client secret');
    }
    return readSecret({ text: config.client_secret, file: config.client_secret_file }, 'oauth2 client secret');
  }

  private async ask(secret: string): Promise<Token> {
    const { config } = this;
    const form = new URLSearchParams(config.endpoint_params);
    const scope = config.scopes.join(' ');
    if (config.grant_type === JWT_BEARER) {
      form.set('grant_type', JWT_BEARER);
      form.set('assertion', signAssertion(config, secret, this.now()));
      return this.answer(form, {});
    }
    form.set('grant_type', 'client_credentials');
    if (scope !== '') form.set('scope', scope);
    const id = config.client_id ?? '';
    if (this.inHeader !== false) {
      try {
        const user = Buffer.from(`${encodeForm(id)}:${encodeForm(secret)}`).toString('base64');
        const token = await this.answer(form, { authorization: `Basic ${user}` });
        this.inHeader = true;
        return token;
      } catch (error) {
        if (this.inHeader) throw error;
      }
    }
    form.set('client_id', id);
    if (secret !== '') form.set('client_secret', secret);
    const token = await this.answer(form, {});
    this.inHeader = false;
    return token;
  }

  private async answer(form: URLSearchParams, headers: Readonly<Record<string, string>>): Promise<Token> {
    const { status, statusText, type, body } = await this.post(this.config.token_url ?? '', form, headers);
    const fields = fieldsOf(type, body);
    if (status < 200 || status > 299 || fields.error) {
      const reason = fields.error
        ? `${JSON.stringify(fields.error)}${fields.error_description ? ` ${JSON.stringify(fields.error_description)}` : ''}`
        : `cannot fetch token: ${status} ${statusText}\nResponse: ${body}`;
      throw new Error(`oauth2: ${reason}`);
    }
    const access = fields.access_token;
    if (!access) throw new Error('oauth2: server response missing access_token');
    const seconds = Number(fields.expires_in ?? 0);
    const tokenType = fields.token_type ?? '';
    const kind = tokenType === '' || /^bearer$/i.test(tokenType) ? 'Bearer' : tokenType;
    return {
      header: `${kind} ${access}`,
      goodUntil: seconds > 0 ? this.now() + seconds * 1000 - EARLY_MS : Number.POSITIVE_INFINITY,
    };
  }
}

function encodeForm(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

function fieldsOf(type: string, body: string): Readonly<Record<string, string | undefined>> {
  if (/^(application\/x-www-form-urlencoded|text\/plain)/.test(type))
    return Object.fromEntries(new URLSearchParams(body));
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null) return {};
    return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [key, String(value)]));
  } catch {
    return {};
  }
}

function signAssertion(config: OAuth2Config, key: string, nowMs: number): string {
  const algorithm = config.signature_algorithm || 'RS256';
  const seconds = Math.floor(nowMs / 1000);
  const header = {
    alg: algorithm,
    typ: 'JWT',
    ...(config.client_certificate_key_id ? { kid: config.client_certificate_key_id } : {}),
  };
  const claims = {
    ...config.claims,
    iss: config.iss || config.client_id,
    sub: config.client_id,
    aud: config.audience || config.token_url,
    iat: seconds,
    exp: seconds + ASSERTION_SECONDS,
    ...(config.scopes.length > 0 ? { scope: config.scopes.join(' ') } : {}),
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${createSign(algorithm.replace('RS', 'RSA-SHA')).update(signed).sign(key, 'base64url')}`;
}
