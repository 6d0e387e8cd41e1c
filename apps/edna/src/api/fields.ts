import { JobError } from '../errors.ts';

/** What a client sent as a JSON object or a query string. */
export type Fields = Readonly<Record<string, unknown>>;

/** @throws JobError bad_request where `body` is no object or has keys that nothing reads */
export function fieldsOf(body: unknown, known: readonly string[]): Fields {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body))
    throw new JobError('bad_request', 'the body must be a JSON object');
  const unknown = Object.keys(body).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new JobError('bad_request', `unknown field ${JSON.stringify(unknown.slice(0, 80))}`);
  return body as Fields;
}

export function textField(fields: Fields, name: string, missing?: string): string {
  const value = fields[name] ?? missing;
  if (typeof value === 'string' && value.length <= 4096) return value;
  throw new JobError(
    'bad_request',
    `the field ${name} must be a text${missing === undefined ? '' : ' where it is given'}`,
  );
}

/** One of a closed set: these values become labels of metrics. */
export function choiceField(fields: Fields, name: string, choices: readonly string[], missing: string): string {
  const value = textField(fields, name, missing);
  if (choices.includes(value)) return value;
  throw new JobError('bad_request', `the field ${name} must be one of ${choices.join(', ')}`);
}

export function integerField(
  fields: Fields,
  name: string,
  range: { readonly min: number; readonly max: number; readonly missing: number },
): number {
  const value = Number(fields[name] ?? range.missing);
  if (Number.isInteger(value) && value >= range.min && value <= range.max) return value;
  throw new JobError('bad_request', `the field ${name} must be a whole number from ${range.min} to ${range.max}`);
}
