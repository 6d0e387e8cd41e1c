import type { Session } from 'node:inspector/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { plainText, textError } from '../routes.ts';

/** Go's default of `profile`, in seconds. */
const PROFILE_SECONDS = 30;
/** How long allocations are watched where nothing is said: Go has them since the start, V8 since it is asked. */
const HEAP_SECONDS = 5;
/** Bytes between two allocations that are looked at. */
const HEAP_INTERVAL = 32 * 1024;

/** What Node has none of, by what it counts: such profiles are empty, so that tools that collect all of them go on. */
const EMPTY: Readonly<Record<string, readonly [type: string, unit: string][]>> = {
  goroutine: [['goroutine', 'count']],
  threadcreate: [['threadcreate', 'count']],
  block: [
    ['contentions', 'count'],
    ['delay', 'nanoseconds'],
  ],
  mutex: [
    ['contentions', 'count'],
    ['delay', 'nanoseconds'],
  ],
};
/** What Go has of its own runtime. */
const OF_GO = new Set(['trace', 'symbol']);

const INDEX = `<html><head><title>/debug/pprof/</title></head><body>
<p>Profiles for <code>go tool pprof</code>, made while you wait; <code>?seconds=N</code> says how long.</p>
<ul>
<li><a href="profile?seconds=${PROFILE_SECONDS}">profile</a>: where the main thread spent its time</li>
<li><a href="heap?seconds=${HEAP_SECONDS}">heap</a>: what was allocated meanwhile and is still there</li>
<li><a href="allocs?seconds=${HEAP_SECONDS}">allocs</a>: all that was allocated meanwhile</li>
<li><a href="cmdline">cmdline</a>: the command line</li>
</ul></body></html>
`;

/** `/debug/pprof/…`: profiles of this process by V8, in the format of Go's. One at a time. */
export class Pprof {
  private busy = false;

  async answer(name: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if (name === '') return reply.type('text/html; charset=utf-8').send(INDEX);
    if (name === 'cmdline') return plainText(reply, 200, [process.execPath, ...process.argv.slice(1)].join('\0'));
    if (OF_GO.has(name)) return textError(reply, 501, `${name} is a profile of Go's runtime, and this is Node`);
    if (Object.hasOwn(EMPTY, name)) return send(reply, name, await emptyProfile(EMPTY[name]));
    if (name !== 'profile' && name !== 'heap' && name !== 'allocs') return textError(reply, 404, 'Unknown profile');
    if (this.busy) {
      return textError(reply, 500, 'Could not enable CPU profiling: cpu profiling already in use');
    }
    this.busy = true;
    try {
      const seconds = secondsOf(request, name === 'profile' ? PROFILE_SECONDS : HEAP_SECONDS);
      return send(reply, name, await takeProfile(name, () => waited(seconds, reply)));
    } finally {
      this.busy = false;
    }
  }
}

function send(reply: FastifyReply, name: string, body: Buffer): FastifyReply {
  reply.header('x-content-type-options', 'nosniff').header('content-disposition', `attachment; filename="${name}"`);
  return reply.type('application/octet-stream').send(body);
}

async function emptyProfile(types: (typeof EMPTY)[string]): Promise<Buffer> {
  const { encodeProfile, profileOf } = await import('./convert.ts');
  return encodeProfile(profileOf(types));
}

function secondsOf({ query }: FastifyRequest, fallback: number): number {
  const seconds = Number((query as { readonly seconds?: string }).seconds);
  return Number.isInteger(seconds) && seconds > 0 ? seconds : fallback;
}

/** Ends early where whoever asked goes away. */
function waited(seconds: number, { raw }: FastifyReply): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      raw.off('close', end);
      resolve();
    };
    const timer = setTimeout(end, seconds * 1000);
    raw.on('close', end);
  });
}

/**
 * A profile of this process, as `go tool pprof` reads it, of what happens while `wait` lasts. The inspector and the format
 * are loaded when somebody asks for one.
 */
export async function takeProfile(name: 'profile' | 'heap' | 'allocs', wait: () => Promise<void>): Promise<Buffer> {
  const [{ Session }, format] = await Promise.all([import('node:inspector/promises'), import('./convert.ts')]);
  const session = new Session();
  session.connect();
  try {
    if (name === 'profile') return await format.encodeProfile(format.cpuProfile(await processorTime(session, wait)));
    const all = name === 'allocs';
    const kinds = all ? (['alloc_objects', 'alloc_space'] as const) : (['inuse_objects', 'inuse_space'] as const);
    return await format.encodeProfile(format.heapProfile(await allocations(session, all, wait), kinds));
  } finally {
    session.disconnect();
  }
}

async function processorTime(session: Session, wait: () => Promise<void>) {
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  await wait();
  const { profile } = await session.post('Profiler.stop');
  return profile;
}

async function allocations(session: Session, all: boolean, wait: () => Promise<void>) {
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: HEAP_INTERVAL,
    includeObjectsCollectedByMajorGC: all,
    includeObjectsCollectedByMinorGC: all,
  });
  await wait();
  const { profile } = await session.post('HeapProfiler.stopSampling');
  return profile;
}
