import { compareStrings, Slices } from '@avalanche/model';
import type { TsdbQuerier } from '@avalanche/tsdb';
import type { FamilyMetadata } from '../../scrape/metadata.ts';
import { ApiError } from '../errors.ts';
import type { Params } from '../params.ts';
import { FUZZ_ALGORITHMS, type FuzzAlgorithm, type Score, scoreOf } from './score.ts';

export const SEARCH_ENDPOINTS = ['metric_names', 'label_names', 'label_values'] as const;
type Endpoint = (typeof SEARCH_ENDPOINTS)[number];

export interface SearchContext {
  readonly enabled: boolean;
  /** `--web.search.max-limit`; 0 is none. */
  readonly limitMax: number;
  readonly querier: (from: number, to: number) => TsdbQuerier;
  /** What each target says of its families. */
  readonly metadata: () => readonly FamilyMetadata[];
  readonly now: () => number;
}

const HOUR_MS = 3_600_000;
const LIMIT = 100;
const BATCH_SIZE = 100;
const TERMS_MAX = 32;

interface Found {
  readonly value: string;
  readonly score: number;
}

interface SearchParams {
  readonly from: number;
  readonly to: number;
  readonly score: Score | null;
  readonly order: (a: Found, b: Found) => number;
  readonly includeScore: boolean;
  readonly limit: number;
  readonly batchSize: number;
}

/** `/api/v1/search/…`: names and values that fit a few letters, as lines of JSON (upstream web/api/v1/search.go). */
export class Search {
  constructor(private readonly context: SearchContext) {}

  /** @returns the lines. @throws ApiError */
  async answer(endpoint: Endpoint, params: Params): Promise<Generator<Buffer>> {
    const { enabled, querier } = this.context;
    if (!enabled) throw new ApiError('unavailable', 'search API disabled');
    const search = this.read(endpoint, params);
    const sets = params.matcherSets();
    const withMetadata = endpoint === 'metric_names' && booleanOf(params, 'include_metadata', false);
    const label = endpoint === 'metric_names' ? '__name__' : params.get('label');
    if (label === '' && endpoint === 'label_values') {
      throw new ApiError('bad_data', 'missing required parameter "label"');
    }
    const source = querier(search.from, search.to);
    try {
      const values = endpoint === 'label_names' ? source.labelNames(sets) : source.labelValues(label, sets);
      const found = await fitting(await values, search);
      const key = endpoint === 'label_values' ? 'value' : 'name';
      const describe = withMetadata ? this.describer() : () => ({});
      const record = ({ value, score }: Found) => ({
        [key]: value,
        ...(search.includeScore ? { score } : {}),
        ...describe(value),
      });
      return lines(found, search, record);
    } finally {
      source.close();
    }
  }

  /** The first word of any target about a family. */
  private describer(): (name: string) => object {
    const families = new Map<string, object>();
    for (const target of this.context.metadata()) {
      for (const [name, { type, help, unit }] of target.entries()) {
        if (families.has(name)) continue;
        families.set(name, { type, ...(help ? { help } : {}), ...(unit ? { unit } : {}) });
      }
    }
    return (name) => families.get(name) ?? {};
  }

  /** @throws ApiError in upstream's words, for what it looks at first */
  private read(endpoint: Endpoint, params: Params): SearchParams {
    const now = this.context.now();
    const [from, to] = [params.optionalTime('start', now - HOUR_MS), params.optionalTime('end', now)];
    if (to < from) throw new ApiError('bad_data', 'end timestamp must not be before start timestamp');
    params.matcherSets();
    const terms = params.all('search[]');
    if (terms.length > TERMS_MAX) {
      throw new ApiError('bad_data', `too many search[] terms: got ${terms.length}, maximum is ${TERMS_MAX}`);
    }
    const percent = numberOf(params, 'fuzz_threshold', 0, (n) => n >= 0 && n <= 100, 'must be 0-100');
    const algorithm = algorithmOf(params.get('fuzz_alg'));
    const caseSensitive = booleanOf(params, 'case_sensitive', true);
    const includeScore = booleanOf(params, 'include_score', false);
    const order = orderOf(endpoint, params, terms.length > 0);
    return {
      from,
      to,
      score: scoreOf({ terms, algorithm, threshold: percent / 100, caseSensitive }),
      includeScore,
      limit: this.limitOf(params),
      batchSize: numberOf(params, 'batch_size', BATCH_SIZE, (n) => n > 0, 'must be a positive integer'),
      order: order(),
    };
  }

  private limitOf(params: Params): number {
    const { limitMax } = this.context;
    const usual = limitMax > 0 ? Math.min(LIMIT, limitMax) : LIMIT;
    const limit = numberOf(params, 'limit', usual, (n) => n > 0, 'must be a positive integer');
    if (limitMax <= 0 || limit <= limitMax) return limit;
    const message = `limit ${limit} exceeds the configured maximum (${limitMax}, see --web.search.max-limit)`;
    throw new ApiError('bad_data', message);
  }
}

function algorithmOf(text: string): FuzzAlgorithm {
  const known = text === '' ? FUZZ_ALGORITHMS[0] : FUZZ_ALGORITHMS.find((name) => name === text);
  if (known) return known;
  const names = FUZZ_ALGORITHMS.join(' ');
  throw new ApiError('bad_data', `unsupported fuzz_alg ${JSON.stringify(text)}: must be one of [${names}]`);
}

/** @returns what gives the order, or throws for an unknown one, which upstream finds after all else. @throws ApiError */
function orderOf(endpoint: Endpoint, params: Params, hasTerms: boolean): () => SearchParams['order'] {
  const [by, direction] = [params.get('sort_by'), params.get('sort_dir')];
  const refuse = (message: string): never => {
    throw new ApiError('bad_data', message);
  };
  if (direction !== '' && by === '') refuse('sort_dir is only valid when sort_by is set');
  if (direction !== '' && by === 'score') refuse('sort_dir is not supported for sort_by=score');
  if (!['', 'asc', 'dsc'].includes(direction)) {
    refuse(`invalid sort_dir ${JSON.stringify(direction)}: must be "asc" or "dsc"`);
  }
  if (by === 'score' && !hasTerms) refuse('sort_by=score requires search[] to be set');
  const byValue = (a: Found, b: Found) => compareStrings(a.value, b.value);
  return () => {
    if (!['', 'alpha', 'score'].includes(by)) {
      refuse(`invalid sort_by ${JSON.stringify(by)} for ${endpoint}: must be "alpha" or "score"`);
    }
    if (by === 'score') return (a, b) => b.score - a.score || byValue(a, b);
    return direction === 'dsc' ? (a, b) => byValue(b, a) : byValue;
  };
}

function numberOf(
  params: Params,
  name: string,
  fallback: number,
  isAllowed: (value: number) => boolean,
  must: string,
): number {
  const text = params.get(name);
  if (text === '') return fallback;
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && isAllowed(value)) return value;
  throw new ApiError('bad_data', `invalid ${name} ${JSON.stringify(text)}: ${must}`);
}

/** What Go's ParseBool takes. */
const BOOLEANS: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
]);

function booleanOf(params: Params, name: string, fallback: boolean): boolean {
  const text = params.get(name);
  if (text === '') return fallback;
  if (Object.hasOwn(BOOLEANS, text)) return BOOLEANS[text];
  throw new ApiError('bad_data', `invalid ${name} ${JSON.stringify(text)}: must be boolean`);
}

/** Those that fit, in order; gives the event loop back now and then. */
async function fitting(values: readonly string[], { score, order }: SearchParams): Promise<Found[]> {
  const slices = new Slices();
  const found: Found[] = [];
  for (const value of values) {
    if (slices.isOver()) await slices.next();
    const own = score ? score(value) : 1;
    if (own !== null) found.push({ value, score: own });
  }
  return found.sort(order);
}

/** Batches of what was found, and how it ended. */
function* lines(
  found: readonly Found[],
  { limit, batchSize }: SearchParams,
  record: (found: Found) => object,
): Generator<Buffer> {
  const end = Math.min(limit, found.length);
  for (let from = 0; from === 0 || from < end; from += batchSize) {
    yield line({ results: found.slice(from, Math.min(from + batchSize, end)).map(record) });
  }
  yield line({ status: 'success', has_more: found.length > limit });
}

/** As Go writes JSON, in which nothing is markup. */
function line(value: object): Buffer {
  const text = JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return Buffer.from(`${text}\n`);
}
