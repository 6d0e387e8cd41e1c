/** Kombu's message around a body: JSON, the body in base64 where `properties.body_encoding` says so. */
interface Envelope {
  readonly body: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly properties?: { readonly body_encoding?: string; readonly correlation_id?: unknown };
}

/** @throws Error where it is no message with a JSON body */
export function decodeEnvelope(message: string): { readonly headers: Envelope['headers']; readonly body: unknown } {
  const { body, headers, properties } = JSON.parse(message) as Envelope;
  const text = properties?.body_encoding === 'base64' ? Buffer.from(body, 'base64').toString('utf8') : body;
  return { headers, body: JSON.parse(text) as unknown };
}

/** The id of the task in a queue's message; undefined where it has none. */
export function taskIdOf(message: string): string | undefined {
  const { headers, properties } = JSON.parse(message) as Envelope;
  const id = headers?.id ?? properties?.correlation_id;
  return typeof id === 'string' ? id : undefined;
}

/** A message with `body`, as kombu writes one for `exchange`. @param expires seconds since the epoch */
export function encodeEnvelope(body: unknown, exchange: string, deliveryTag: string, expires: number): string {
  return JSON.stringify({
    body: Buffer.from(JSON.stringify(body)).toString('base64'),
    'content-encoding': 'utf-8',
    'content-type': 'application/json',
    headers: { clock: 1, expires },
    properties: {
      delivery_mode: 2,
      delivery_info: { exchange, routing_key: '' },
      priority: 0,
      body_encoding: 'base64',
      delivery_tag: deliveryTag,
    },
  });
}
