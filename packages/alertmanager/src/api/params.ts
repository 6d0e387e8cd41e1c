import { compileAnchored, type Matcher } from '@avalanche/model';
import { checkAnchored } from '../matcher/make.ts';
import { parseMatcher } from '../matcher/parse.ts';
import { ApiError } from './errors.ts';

export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The last value of a parameter. */
export function single(query: Query, name: string): string | undefined {
  const value = query[name];
  return typeof value === 'string' || value === undefined ? value : value.at(-1);
}

const TRUE = ['true', '1', 'yes', 'ok', 'y', 'on', 'selected', 'checked', 't', 'enabled'];

/** A flag that is true when not given; any word that does not say yes is a no (go-openapi ConvertBool). */
export function flag(query: Query, name: string): boolean {
  const text = single(query, name)?.toLowerCase();
  return text === undefined || text === '' || TRUE.includes(text);
}

/** A whole number from 1 on. @throws ApiError */
export function numberParam(query: Query, name: string): number | undefined {
  const text = single(query, name);
  if (text === undefined || text === '') return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new ApiError(400, `${name} must be a positive number`);
  return Number(text);
}

/** The matchers of `filter` or another parameter, given any number of times. @throws ApiError */
export function filters(query: Query, name = 'filter'): Matcher[] {
  const value = query[name];
  const texts = value === undefined ? [] : typeof value === 'string' ? [value] : value;
  try {
    return texts.map(parseMatcher);
  } catch (error) {
    throw new ApiError(400, (error as Error).message);
  }
}

/** The test of a receiver's labels that `receiver_matchers` asks for. @throws ApiError */
export function receiverLabelFilter(query: Query): (receiver: { readonly labels: Record<string, string> }) => boolean {
  let matchers: Matcher[];
  try {
    matchers = filters(query, 'receiver_matchers');
  } catch (error) {
    throw new ApiError(400, `failed to parse receiver_matchers param: ${(error as Error).message}`);
  }
  return ({ labels }) => matchers.every((matcher) => matcher.matches(labels[matcher.name] ?? ''));
}

/** The test that `receiver` asks for, an anchored regular expression. @throws ApiError */
export function receiverFilter(query: Query): (name: string) => boolean {
  const text = single(query, 'receiver');
  if (text === undefined) return () => true;
  try {
    checkAnchored(text);
    return compileAnchored(text).accepts;
  } catch (error) {
    throw new ApiError(400, `failed to parse receiver param: ${(error as Error).message}`);
  }
}
