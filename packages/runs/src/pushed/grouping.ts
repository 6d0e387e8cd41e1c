import { compareStrings, quote } from '@avalanche/model';

/** The labels that a push is about: `job` and what its address says. */
export type Grouping = Readonly<Record<string, string>>;

const BASE64_SUFFIX = '@base64';
const BASE64 = /^[A-Za-z0-9_-]*$/;
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

/** An address or a body that is no push; answered with 400 in upstream's words. */
export class PushError extends Error {
  override readonly name = 'PushError';
}

/**
 * The grouping of `/metrics/job/NAME{/LABEL/VALUE}`; a name that ends in `@base64` says that its value is encoded
 * (URL-safe alphabet, padding optional), as values with slashes must be.
 * @param path as it stands in the request line, after the route prefix and without query
 * @throws PushError
 */
export function groupingOf(path: string): Grouping {
  const [, , first = '', job = '', ...rest] = decodePercent(path).split('/');
  const name = first === `job${BASE64_SUFFIX}` ? decodeBase64(job, (what) => `in job name ${what}`) : job;
  const labels: Record<string, string> = {};
  // a slash at the end is none
  const components = rest.length === 1 && rest[0] === '' ? [] : rest;
  if (components.length % 2 !== 0) {
    throw new PushError(`odd number of components in label string ${quote(`/${rest.join('/')}`)}`);
  }
  for (let i = 0; i < components.length; i += 2) {
    const isEncoded = components[i].endsWith(BASE64_SUFFIX);
    const label = isEncoded ? components[i].slice(0, -BASE64_SUFFIX.length) : components[i];
    if (!LABEL_NAME.test(label)) throw new PushError(`improper label name ${quote(label)}`);
    labels[label] = isEncoded
      ? decodeBase64(components[i + 1], (what) => `for label ${label}=${what}`)
      : components[i + 1];
  }
  if (name === '') throw new PushError('job name is required');
  // every series has the label, empty where nobody says it: two groups that differ by that alone would have the same series
  if (labels.instance === '') delete labels.instance;
  return { ...labels, job: name };
}

/** The same for the same labels, whatever their order. */
export function groupingKey(grouping: Grouping): string {
  const names = Object.keys(grouping).sort(compareStrings);
  return JSON.stringify(names.map((name) => [name, grouping[name]]));
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function decodeBase64(text: string, where: (what: string) => string): string {
  const digits = text.replace(/=+$/, '');
  if (BASE64.test(digits) && digits.length % 4 !== 1) return Buffer.from(digits, 'base64url').toString('utf8');
  throw new PushError(`invalid base64 encoding ${where(quote(text))}: illegal base64 data`);
}
