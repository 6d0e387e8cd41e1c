/** Kombu's message around a body: JSON, the body in base64 where `properties.body_encoding` says so. */
interface Envelope {
  readonly body: string;
  readonly properties?: { readonly body_encoding?: string };
}

/** The decoded body of a message. @throws Error where it is not one */
export function decodeEnvelope(message: string): unknown {
  const { body, properties } = JSON.parse(message) as Envelope;
  const text = properties?.body_encoding === 'base64' ? Buffer.from(body, 'base64').toString('utf8') : body;
  return JSON.parse(text) as unknown;
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
