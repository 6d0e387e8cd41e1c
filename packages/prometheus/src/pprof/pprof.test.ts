import { gunzipSync } from 'node:zlib';
import fastify, { type FastifyInstance } from 'fastify';
import { Profile } from 'pprof-format';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Pprof } from './pprof.ts';

let app: FastifyInstance;
beforeEach(() => {
  app = fastify();
  const pprof = new Pprof();
  app.get('/pprof/:name', (request, reply) =>
    pprof.answer((request.params as { readonly name: string }).name, request, reply),
  );
});
afterEach(() => app.close());

async function profileOf(path: string) {
  const { statusCode, rawPayload } = await app.inject(path);
  expect(statusCode).toBe(200);
  const { sampleType, sample, location, function: functions, stringTable } = Profile.decode(gunzipSync(rawPayload));
  const text = (i: number | bigint) => stringTable.strings[Number(i)];
  const nameOf = (id: number | bigint) => {
    const [line] = location[Number(id) - 1].line;
    return text(functions[Number(line.functionId) - 1].name);
  };
  return {
    types: sampleType.map(({ type, unit }) => `${text(type)} ${text(unit)}`),
    samples: sample.map(({ locationId, value }) => ({ stack: locationId.map(nameOf), values: value.map(Number) })),
  };
}

function burnProcessor(ms: number): number {
  const end = performance.now() + ms;
  let sum = 0;
  while (performance.now() < end) sum += Math.sqrt(sum + 1);
  return sum;
}

function holdMemory(): string[] {
  return Array.from({ length: 200_000 }, (_, i) => `held ${i}`);
}

test('profile tells where the time went', async () => {
  const taking = profileOf('/pprof/profile?seconds=1');
  await new Promise((resolve) => setTimeout(resolve, 300));
  burnProcessor(300);
  const { types, samples } = await taking;
  expect(types).toEqual(['samples count', 'cpu nanoseconds']);
  const burning = samples.filter(({ stack }) => stack.includes('burnProcessor'));
  const nanos = burning.reduce((sum, { values }) => sum + values[1], 0);
  expect(nanos).toBeGreaterThan(150e6);
  expect(nanos).toBeLessThan(1000e6);
  expect(samples.some(({ stack }) => stack.includes('(idle)'))).toBe(false);
});

test.each([
  ['heap', ['inuse_objects count', 'inuse_space bytes']],
  ['allocs', ['alloc_objects count', 'alloc_space bytes']],
])('%s tells who allocates', async (name, expected) => {
  const taking = profileOf(`/pprof/${name}?seconds=1`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const held = holdMemory();
  const { types, samples } = await taking;
  expect(types).toEqual(expected);
  const bytes = samples
    .filter(({ stack }) => stack.includes('holdMemory'))
    .reduce((sum, { values }) => sum + values[1], 0);
  expect(bytes).toBeGreaterThan(1e6);
  expect(held.length).toBe(200_000);
});

test('one at a time; what Go alone has is refused by name', async () => {
  const first = app.inject('/pprof/profile?seconds=1');
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await app.inject('/pprof/heap')).toMatchObject({
    statusCode: 500,
    body: 'Could not enable CPU profiling: cpu profiling already in use\n',
  });
  await first;
  expect((await app.inject('/pprof/trace')).statusCode).toBe(501);
  expect(await profileOf('/pprof/mutex')).toEqual({ types: ['contentions count', 'delay nanoseconds'], samples: [] });
  expect((await app.inject('/pprof/nothing')).statusCode).toBe(404);
  expect((await app.inject('/pprof/')).body).toContain('profile?seconds=30');
});
