import { type Clock, type Matcher, Slices } from '@avalanche/model';
import type { FastifyInstance } from 'fastify';
import type { Alertmanager } from '../alertmanager.ts';
import {
  type MatcherSet,
  type Silence,
  type SilenceMatcher,
  silenceState,
  type WantedSilence,
} from '../silence/silence.ts';
import { SilenceNotFound, type Silences } from '../silence/silences.ts';
import { JsonBody } from './body.ts';
import { ApiError, SchemaError } from './errors.ts';
import { listed, sendList } from './json-list.ts';
import { filters, flag, type Query } from './params.ts';

/** `/silences` and `/silence/{id}` of API v2. */
export function silenceRoutes(api: FastifyInstance, { silences }: Alertmanager, clock: Clock): void {
  api.get('/silences', async (request, reply) => {
    const now = clock.now();
    const found = await listSilences(silences, request.query as Query, now);
    return sendList(
      reply,
      listed(found, (silence) => [JSON.stringify(silenceJson(silence, now))]),
    );
  });
  api.post('/silences', async (request) => {
    const body = await JsonBody.of(request, 'silence');
    const now = clock.now();
    const wanted = parseSilence(body, now);
    if (wanted.startsAt >= wanted.endsAt) refuse('Failed to create silence: start time must be before end time');
    if (wanted.endsAt < now) refuse("Failed to create silence: end time can't be in the past");
    try {
      return { silenceID: silences.set(wanted) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // a disk that takes no more is not the client's fault
      throw new ApiError(error instanceof SilenceNotFound ? 404 : code === undefined ? 400 : 500, message);
    }
  });
  api.get<{ Params: { id: string } }>('/silence/:id', ({ params }, reply) => {
    const silence = silences.get(checkId(params.id));
    return silence ? silenceJson(silence, clock.now()) : reply.code(404).send();
  });
  api.delete<{ Params: { id: string } }>('/silence/:id', ({ params }, reply) => {
    try {
      silences.expire(checkId(params.id));
    } catch (error) {
      if (error instanceof SilenceNotFound) return reply.code(404).send();
      throw error;
    }
    return reply.code(200).send();
  });
}

/** In turns of the event loop. */
async function listSilences(silences: Silences, query: Query, now: number): Promise<readonly Silence[]> {
  const wanted = filters(query);
  const states = { active: flag(query, 'active'), pending: flag(query, 'pending'), expired: flag(query, 'expired') };
  const hasWanted = (set: readonly Matcher[]): boolean =>
    wanted.every((matcher) => set.some((own) => isSame(own, matcher)));
  const found: Silence[] = [];
  const slices = new Slices();
  for (const silence of silences.all()) {
    if (slices.isOver()) await slices.next();
    if (states[silenceState(silence, now)] && silences.matcherSetsOf(silence.id).some(hasWanted)) found.push(silence);
  }
  return slices.sort(found, (a, b) => compareSilences(a, b, now));
}

function refuse(message: string): never {
  throw new ApiError(400, message);
}

function checkId(id: string): string {
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(id)) return id.toLowerCase();
  throw new SchemaError(601, `silenceID in path must be of type uuid: ${JSON.stringify(id)}`);
}

function isSame(a: Matcher, b: Matcher): boolean {
  return a.name === b.name && a.type === b.type && a.value === b.value;
}

const STATE_ORDER = { active: 0, pending: 1, expired: 2 } as const;

/** Active ones first, the next to end on top; then pending ones by their start; then the ended ones, latest first. */
function compareSilences(a: Silence, b: Silence, now: number): number {
  const state = silenceState(a, now);
  const order = STATE_ORDER[state] - STATE_ORDER[silenceState(b, now)];
  if (order !== 0) return order;
  if (state === 'pending') return a.startsAt - b.startsAt;
  return state === 'active' ? a.endsAt - b.endsAt : b.endsAt - a.endsAt;
}

function silenceJson(silence: Silence, now: number) {
  return {
    id: silence.id,
    status: { state: silenceState(silence, now) },
    updatedAt: new Date(silence.updatedAt),
    comment: silence.comment,
    createdBy: silence.createdBy,
    endsAt: new Date(silence.endsAt),
    matchers: silence.matcherSets[0] ?? [],
    startsAt: new Date(silence.startsAt),
    annotations: silence.annotations,
  };
}

/** @throws SchemaError */
function parseSilence(body: JsonBody, now: number): WantedSilence {
  const item = body.object(body.value, 'Go value of type models.Silence');
  const matchers = item.matchers === undefined ? undefined : decodeMatchers(body, item.matchers);
  const silence = {
    id: body.string(item.id, '.id'),
    startsAt: body.time(item.startsAt, 'Silence.startsAt') || now,
    endsAt: body.time(item.endsAt, 'Silence.endsAt'),
    createdBy: body.string(item.createdBy, 'Silence.createdBy'),
    comment: body.string(item.comment, 'Silence.comment'),
    annotations: body.strings(item.annotations, 'Silence.annotations'),
  };
  for (const name of ['comment', 'createdBy', 'endsAt', 'matchers', 'startsAt']) {
    if (item[name] === undefined || item[name] === null) throw new SchemaError(602, `${name} in body is required`);
    if (name === 'matchers') checkMatchers(matchers ?? []);
  }
  return { ...silence, matcherSets: [(matchers ?? []).map(completeMatcher)] };
}

/** `matchers` of a silence. @throws SchemaError */
export function parseMatcherSet(body: JsonBody, value: unknown): MatcherSet {
  const matchers = decodeMatchers(body, value);
  checkMatchers(matchers);
  return matchers.map(completeMatcher);
}

type DecodedMatcher = Partial<SilenceMatcher>;

function decodeMatchers(body: JsonBody, value: unknown): readonly DecodedMatcher[] {
  return body.array(value, 'Silence.matchers of type models.Matchers').map((item): DecodedMatcher => {
    const { name, value: pattern, isRegex, isEqual } = body.object(item, 'Silence.matchers of type models.Matcher');
    return {
      ...(name === undefined || name === null ? {} : { name: body.string(name, 'Matcher.matchers.name') }),
      ...(pattern === undefined || pattern === null ? {} : { value: body.string(pattern, 'Matcher.matchers.value') }),
      ...(isRegex === undefined || isRegex === null
        ? {}
        : { isRegex: body.boolean(isRegex, 'Matcher.matchers.isRegex') }),
      ...(isEqual === undefined || isEqual === null
        ? {}
        : { isEqual: body.boolean(isEqual, 'Matcher.matchers.isEqual') }),
    };
  });
}

function checkMatchers(matchers: readonly DecodedMatcher[]): void {
  if (matchers.length === 0) throw new SchemaError(612, 'matchers in body should have at least 1 items');
  matchers.forEach((matcher, i) => {
    for (const key of ['isRegex', 'name', 'value'] as const) {
      if (matcher[key] === undefined) throw new SchemaError(602, `matchers.${i}.${key} in body is required`);
    }
  });
}

function completeMatcher({ name = '', value = '', isRegex = false, isEqual = true }: DecodedMatcher): SilenceMatcher {
  return { name, value, isRegex, isEqual };
}
