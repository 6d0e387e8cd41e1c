import { WRITE_MESSAGES, WRITE_V1, type WriteMessage } from '../proto/messages.ts';

const MEDIA_TYPE = 'application/x-protobuf';

/**
 * The message that a content type names; `prometheus.WriteRequest` where it names none.
 * @throws Error in upstream's words
 */
export function messageOf(contentType: string): WriteMessage {
  const type = contentType.trim() === '' ? MEDIA_TYPE : contentType.trim();
  const [media, ...parameters] = type.split(';');
  if (media !== MEDIA_TYPE) {
    throw new Error(`expected ${MEDIA_TYPE} as the first (media) part, got ${type} content-type`);
  }
  for (const parameter of parameters) {
    const [name, value, ...more] = parameter.split('=');
    if (value === undefined || more.length > 0) {
      const rfc = 'https://www.rfc-editor.org/rfc/rfc9110#parameter';
      throw new Error(`as per ${rfc} expected parameters to be key-values, got ${parameter} in ${type} content-type`);
    }
    if (name === 'proto') return knownMessage(value, type);
  }
  return WRITE_V1;
}

function knownMessage(name: string, type: string): WriteMessage {
  const known = WRITE_MESSAGES.find((message) => message === name);
  if (known) return known;
  const supported = WRITE_MESSAGES.join(', ');
  throw new Error(
    `got ${type} content type; unknown type for remote write protobuf message ${name}, supported: ${supported}`,
  );
}

/** @throws Error where the encoding is not snappy's block format */
export function checkEncoding(encoding: string): void {
  if (encoding === '' || encoding === 'snappy') return;
  throw new Error(`${encoding} encoding (compression) is not accepted by this server; only snappy is acceptable`);
}
