import { nextTurn, turnIsOver } from '@avalanche/model';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { refuse } from '../auth.ts';
import { type Annotation, type AnnotationFilter, cleanTags, countTags, findAnnotations } from './annotation.ts';
import type { AnnotationStore } from './store.ts';

type Query = Readonly<Record<string, string | string[] | undefined>>;

/** Grafana's `tags_length`. */
const TAGS_LENGTH_MAX = 500;
/** Ours: what one annotation may take of the memory. */
const CHARACTERS_MAX = 65_536;

// Go's decoder takes null for a value that is not there.
const integer = orNull(z.number().int());
const text = orNull(z.string());
const changeSchema = z.object({
  ...{ time: integer, timeEnd: integer, text, tags: orNull(z.array(z.string())) },
  data: orNull(z.unknown()),
});
const newSchema = changeSchema.extend({ dashboardUID: text, panelId: integer });

/**
 * Grafana's annotations API: shapes, statuses and words of Grafana 11.
 * @see https://grafana.com/docs/grafana/v11.6/developers/http_api/annotations/
 * @param loginOf who asks
 */
export async function annotationRoutes(
  api: FastifyInstance,
  store: AnnotationStore,
  loginOf: (request: FastifyRequest) => Promise<string>,
): Promise<void> {
  api.setErrorHandler<FastifyError>((error, _request, reply) =>
    (error.statusCode ?? 500) < 500 ? refuse(reply, 400, 'bad request data') : refuse(reply, 500, error.message),
  );
  api.get('/api/annotations', async (request, reply) => {
    const query = request.query as Query;
    const login = await loginOf(request);
    const found = isOfNobody(query) ? [] : findAnnotations(store.all(), filterOf(query));
    const items: string[] = [];
    for (const annotation of found) {
      items.push(JSON.stringify(itemOf(annotation, login)));
      if (turnIsOver()) await nextTurn();
    }
    return reply.type('application/json; charset=utf-8').send(`[${items.join(',')}]`);
  });
  api.get('/api/annotations/tags', async (request) => {
    const query = request.query as Query;
    return { result: { tags: countTags(store.all(), wordOf(query, 'tag'), numberOf(query, 'limit')) } };
  });
  api.post('/api/annotations', async (request, reply) => {
    const { data: annotation } = newSchema.safeParse(request.body);
    if (!annotation) return refuse(reply, 400, 'bad request data');
    if (!annotation.text) return refuse(reply, 400, 'Failed to save annotation');
    return changed(reply, annotation, 'Failed to save annotation', () => {
      const { id } = store.add({ ...annotation, text: annotation.text ?? '' });
      return { message: 'Annotation added', id };
    });
  });
  api.get('/api/annotations/:id', (request, reply) =>
    existing(request, reply, store, async (annotation) => itemOf(annotation, await loginOf(request))),
  );
  api.put('/api/annotations/:id', (request, reply) =>
    existing(request, reply, store, (annotation) => {
      const { data: given } = changeSchema.safeParse(request.body);
      if (!given) return refuse(reply, 400, 'bad request data');
      return changed(reply, given, 'Failed to update annotation', () => {
        store.update(annotation, {
          text: given.text ?? '',
          tags: given.tags ?? [],
          ...timesOf(given),
          ...dataOf(given),
        });
        return { message: 'Annotation updated' };
      });
    }),
  );
  api.patch('/api/annotations/:id', (request, reply) =>
    existing(request, reply, store, (annotation) => {
      const { data: given } = changeSchema.safeParse(request.body);
      if (!given) return refuse(reply, 400, 'bad request data');
      return changed(reply, given, 'Failed to update annotation', () => {
        const kept = { text: given.text || annotation.text, tags: given.tags ?? annotation.tags };
        store.update(annotation, { ...kept, ...timesOf(given), ...dataOf(given) });
        return { message: 'Annotation patched' };
      });
    }),
  );
  // Grafana 11 says so of one that is not there, too.
  api.delete('/api/annotations/:id', async (request, reply) => {
    const id = idOf(request);
    if (id === undefined) return refuse(reply, 400, 'annotationId is invalid');
    return changed(reply, {}, 'Failed to delete annotation', () => {
      store.delete(id);
      return { message: 'Annotation deleted' };
    });
  });
}

type Change = z.output<typeof changeSchema>;

function orNull<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** Times that are missing or 0 stay as they were. */
function timesOf({ time, timeEnd }: Change): Partial<Annotation> {
  return { ...(time ? { time } : {}), ...(timeEnd ? { timeEnd } : {}) };
}

function dataOf({ data }: Change): Partial<Annotation> {
  return data === undefined ? {} : { data };
}

/** Answers what `change` returns, or why it cannot be: its size, or the disk. */
function changed(
  reply: FastifyReply,
  given: Partial<Change>,
  failure: string,
  change: () => object,
): FastifyReply | object {
  if (JSON.stringify(cleanTags(given.tags ?? [])).length > TAGS_LENGTH_MAX) {
    const message = 'Tags length exceeds the maximum allowed.';
    return reply.code(400).send({ message, messageId: 'annotations.tag-limit-exceeded', statusCode: 400, traceID: '' });
  }
  if (JSON.stringify(given).length > CHARACTERS_MAX) {
    return refuse(reply, 400, `${failure}: it is longer than ${CHARACTERS_MAX} characters`);
  }
  try {
    return change();
  } catch {
    return refuse(reply, 500, failure);
  }
}

async function existing(
  request: FastifyRequest,
  reply: FastifyReply,
  store: AnnotationStore,
  run: (annotation: Annotation) => unknown,
): Promise<unknown> {
  const id = idOf(request);
  if (id === undefined) return refuse(reply, 400, 'annotationId is invalid');
  const annotation = store.get(id);
  return annotation ? run(annotation) : refuse(reply, 404, 'Annotation not found');
}

function idOf(request: FastifyRequest): number | undefined {
  const { id } = request.params as { readonly id: string };
  return /^[+-]?\d{1,15}$/.test(id) ? Number(id) : undefined;
}

/** The only user is the first, and no annotation is of an alert rule. */
function isOfNobody(query: Query): boolean {
  const user = numberOf(query, 'userId');
  return wordOf(query, 'type') === 'alert' || numberOf(query, 'alertId') !== 0 || (user !== 0 && user !== 1);
}

function filterOf(query: Query): AnnotationFilter {
  return {
    from: numberOf(query, 'from'),
    to: numberOf(query, 'to'),
    tags: [query.tags ?? []].flat(),
    matchAny: /^(?:1|t|true)$/i.test(wordOf(query, 'matchAny')),
    dashboardUID: wordOf(query, 'dashboardUID'),
    panelId: numberOf(query, 'panelId'),
    limit: numberOf(query, 'limit'),
  };
}

function wordOf(query: Query, key: string): string {
  return [query[key] ?? ''].flat()[0] ?? '';
}

/** 0 for what is no whole number, as in Grafana. */
function numberOf(query: Query, key: string): number {
  const word = wordOf(query, key);
  return /^-?\d{1,15}$/.test(word) ? Number(word) : 0;
}

function itemOf(annotation: Annotation, login: string) {
  const { dashboardUID, data = {}, ...rest } = annotation;
  return {
    ...rest,
    ...{ alertId: 0, alertName: '', dashboardId: 0, dashboardUID: dashboardUID || null, userId: 1 },
    ...{ newState: '', prevState: '', login, email: '', avatarUrl: '', data },
  };
}
