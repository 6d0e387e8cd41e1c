import { compareStrings } from '@avalanche/model';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SchemaError } from './errors.ts';
import { parseJsonInTurns } from './json-in-turns.ts';

/** What Go's JSON decoder calls a value. */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** Lets bodies reach the handlers as bytes, JSON only, as go-openapi. */
export function takeJsonBodies(api: FastifyInstance): void {
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    const type = request.headers['content-type'] ?? 'application/octet-stream';
    if (/^application\/json\b/i.test(type)) return done(null, body);
    const [media] = type.split(';');
    return done(
      new SchemaError(415, `unsupported media type ${JSON.stringify(media)}, only [application/json] are allowed`, 415),
    );
  });
}

/** One body on its way through the decoder; `what` names it in messages: `alerts`, `silence`. */
export class JsonBody {
  private constructor(
    private readonly what: string,
    readonly value: unknown,
  ) {}

  /** Reads a request's body, a large array in turns of the event loop. @throws SchemaError where there is none, or no JSON */
  static async of({ body }: Pick<FastifyRequest, 'body'>, what: string): Promise<JsonBody> {
    if (!Buffer.isBuffer(body) || body.length === 0) throw new SchemaError(602, `${what} in body is required`);
    try {
      return new JsonBody(what, await parseJsonInTurns(body));
    } catch (error) {
      throw refusal(what, (error as Error).message);
    }
  }

  /** An array; null is an empty one. @throws SchemaError */
  array(value: unknown, goField: string): readonly unknown[] {
    if (value === null || value === undefined) return [];
    if (!Array.isArray(value)) this.mismatch(value, goField);
    return value;
  }

  /** An object; null is an empty one. @throws SchemaError */
  object(value: unknown, goField: string): Readonly<Record<string, unknown>> {
    if (value === null || value === undefined) return {};
    if (typeof value !== 'object' || Array.isArray(value)) this.mismatch(value, goField);
    return value as Readonly<Record<string, unknown>>;
  }

  /** A text; null and absence are ''. @throws SchemaError */
  string(value: unknown, goField: string): string {
    if (value === null || value === undefined) return '';
    if (typeof value !== 'string') this.mismatch(value, `${goField} of type string`);
    return value;
  }

  boolean(value: unknown, goField: string): boolean {
    if (typeof value !== 'boolean') this.mismatch(value, `${goField} of type bool`);
    return value;
  }

  /** A map of names to strings, sorted by name as Go prints maps. @throws SchemaError */
  strings(value: unknown, goField: string): Readonly<Record<string, string>> {
    const map = this.object(value, `${goField} of type models.LabelSet`);
    let last = '';
    let isReady = true;
    for (const name in map) {
      // null is an empty text; what is neither is refused
      if (typeof map[name] !== 'string') isReady = false;
      if (name < last) isReady = false;
      last = name;
    }
    if (isReady) return map as Readonly<Record<string, string>>;
    const names = Object.keys(map).sort(compareStrings);
    return Object.fromEntries(names.map((name) => [name, this.string(map[name], goField)]));
  }

  /** A time as milliseconds; absence and Go's zero time are 0. @throws SchemaError */
  time(value: unknown, goField: string): number {
    const text = this.string(value, goField);
    if (text === '') return 0;
    const ms = DATE_TIME.test(text)
      ? Date.parse(LOCAL_TIME.test(text) ? `${text.replace(' ', 'T')}Z` : text)
      : Number.NaN;
    if (!Number.isNaN(ms)) return text.startsWith('0001-01-01') ? 0 : ms;
    return this.refuse(
      `parsing time ${JSON.stringify(text)} as "2006-01-02": cannot parse ${JSON.stringify(text)} as "2006"`,
    );
  }

  private mismatch(value: unknown, goField: string): never {
    const field = goField.startsWith('Go ') ? goField : `Go struct field ${goField}`;
    return this.refuse(`json: cannot unmarshal ${kindOf(value)} into ${field}`);
  }

  private refuse(reason: string): never {
    throw refusal(this.what, reason);
  }
}

function refusal(what: string, reason: string): SchemaError {
  return new SchemaError(400, `parsing ${what} body from "" failed, because ${reason}`, 400);
}

/** What go-openapi takes for a date-time. */
const DATE_TIME = /^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})?)?$/;
const LOCAL_TIME = /[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/;
